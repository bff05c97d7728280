"""A model server in the worker's own pod: asked like any OpenAI-compatible address, while it says that it is ready."""

import asyncio
import time
from collections.abc import Callable

from greenscale_jobs import Item
from greenscale_worker.engines import Answer, Engine
from greenscale_worker.errors import AttemptFailed, EngineInTrouble, EngineLost, EngineMisconfigured

LOOK_SECONDS = 0.5
"""How often a server that loads its model is asked whether it is ready."""

FRESH_SECONDS = 1.0
"""How long its word holds: at most this often a running server is asked again."""

ANSWER_SECONDS = 5.0


class ServerEngine:
    """Hands jobs to `asked` while `ready_url` answers 200.

    A server that is away costs a job no attempt, for the job is not at fault; one that goes away in the middle of an
    answer does, for the job may be.
    """

    def __init__(self, asked: Engine, *, ready_url: str, startup_seconds: float) -> None:
        self._asked = asked
        self._ready_url = ready_url
        self._startup_seconds = startup_seconds
        self._ready_at = 0.0

    async def ready(self) -> None:
        """Wait until the model is loaded; raises EngineInTrouble if that takes too long."""
        try:
            async with asyncio.timeout(self._startup_seconds):
                while await self._trouble():  # noqa: ASYNC110 - a server of HTTP tells only who asks
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise EngineInTrouble(
                "ServerNotReady",
                f"the model server was not ready within {self._startup_seconds:g} s: GET {self._ready_url} "
                f"{await self._trouble() or 'answers only now'}; see the container `server`, or raise "
                "engine.server.startupTimeoutSeconds",
            ) from None

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Ask the server; raises EngineError."""
        if time.monotonic() - self._ready_at > FRESH_SECONDS:
            trouble = await self._trouble()
            if trouble:
                raise EngineMisconfigured(
                    "ServerNotReady",
                    f"the model server is away: GET {self._ready_url} {trouble}; jobs wait for it, see the container "
                    "`server`",
                )
        try:
            return await self._asked.answer(item, emit)
        except (AttemptFailed, EngineInTrouble, EngineLost):
            self._ready_at = 0.0  # its word holds no longer: ask before the next job
            raise

    async def aclose(self) -> None:
        """Close what is open."""
        await self._asked.aclose()

    async def _trouble(self) -> str | None:
        """Return why the server is not ready, as a clause; None if it is."""
        import aiohttp  # noqa: PLC0415 - in a thread of the other engine's by now, or soon

        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._ready_url) as reply:
                if reply.ok:
                    self._ready_at = time.monotonic()
                    return None
                return f"answers {reply.status}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"fails ({type(error).__name__})"
