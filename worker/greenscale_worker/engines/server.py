"""A model server in the worker's own pod: asked like any OpenAI-compatible address, while it says that it is ready."""

import asyncio
import time
from collections.abc import Callable

import msgspec

from greenscale_jobs import Item
from greenscale_worker.engines import Answer, Engine
from greenscale_worker.errors import AttemptFailed, EngineInTrouble, EngineLost
from greenscale_worker.outcomes import Place

LOOK_SECONDS = 0.5
"""How often a server that loads its model is asked whether it is ready."""

FRESH_SECONDS = 1.0
"""How long its word holds: at most this often a running server is asked again."""

ANSWER_SECONDS = 5.0
"""How long a server that loads its model may take to say so."""

PROBE_SECONDS = 1.0
"""How long a server that was ready may take: a job waits meanwhile, and one that is away refuses at once."""

SERVER_ERROR = 500


class Trouble(msgspec.Struct, frozen=True):
    """Why a server is not ready: a clause. `is_away`: so surely that jobs need not be sent."""

    text: str
    is_away: bool


class ServerEngine:
    """Hands jobs to `asked` while `ready_url` answers 2xx.

    A server that was ready once is away only where its connection is refused or reset, or where it answers 5xx:
    under load many are slow to say that they are ready. No job pays for a server that is away.
    """

    def __init__(self, asked: Engine, *, ready_url: str, startup_seconds: float) -> None:
        self._asked = asked
        self._ready_url = ready_url
        self._startup_seconds = startup_seconds
        self._asked_at = 0.0

    async def ready(self) -> None:
        """Wait until the model is loaded; raises EngineInTrouble if that takes too long."""
        await self._asked.ready()
        try:
            async with asyncio.timeout(self._startup_seconds):
                while await self._trouble():  # noqa: ASYNC110 - a server of HTTP answers only when it is asked
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            trouble = await self._trouble()
            raise EngineInTrouble(
                "ServerNotReady",
                f"the model server was not ready within {self._startup_seconds:g} s: GET {self._ready_url} "
                f"{trouble.text if trouble else 'answers only now'}; see the container `server`, or raise "
                "engine.server.startupTimeoutSeconds",
            ) from None

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Ask the server; raises EngineError."""
        if time.monotonic() - self._asked_at > FRESH_SECONDS:
            trouble = await self._trouble(PROBE_SECONDS)
            if trouble and trouble.is_away:
                raise EngineInTrouble(
                    "ServerNotReady",
                    f"the model server is away: GET {self._ready_url} {trouble.text}; jobs wait for it, see the "
                    "container `server`",
                )
            self._asked_at = time.monotonic()
        try:
            return await self._asked.answer(item, emit)
        except (AttemptFailed, EngineInTrouble, EngineLost):
            self._asked_at = 0.0  # its word holds no longer: ask before the next job
            raise

    async def aclose(self) -> None:
        """Close what is open."""
        await self._asked.aclose()

    async def _trouble(self, seconds: float = ANSWER_SECONDS) -> Trouble | None:
        """Return why the server is not ready; None if it is."""
        import aiohttp  # noqa: PLC0415 - in a thread of the other engine's by now, or soon

        from greenscale_worker.engines.breaks import broken_name  # noqa: PLC0415 - imports it too

        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._ready_url, allow_redirects=False) as reply,
            ):
                if 200 <= reply.status < 300:  # noqa: PLR2004
                    return None
                return Trouble(f"answers {reply.status}", is_away=reply.status >= SERVER_ERROR)
        except TimeoutError:
            return Trouble(f"does not answer within {seconds:g} s", is_away=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Trouble(f"fails: {broken_name(error, before=True)}", is_away=True)


def own_server(model: str) -> Place:
    """Return how the pod's own server is called in messages, with the settings that mend it."""
    return Place(
        host="the container `server`",
        model=model,
        address="engine.server.port (OPENAI_BASE_URL)",
        key="OPENAI_API_KEY",
        model_setting="engine.server.model (GREENSCALE_MODEL)",
    )
