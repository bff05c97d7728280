"""A model server in the worker's own pod: asked like any OpenAI-compatible address, while it says that it is ready."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import msgspec

from greenscale_jobs.records import Item
from greenscale_worker.chat_completions.problems import connection_problems
from greenscale_worker.errors import AttemptFailed, EngineInTrouble, EngineLost
from greenscale_worker.runner import Answer, CommonSettings, Runner, RunnerSettings

if TYPE_CHECKING:
    from greenscale_worker.outcomes.judge import Place

POLL_SECONDS = 0.5
"""How often a server that loads its model is asked whether it is ready."""

FRESH_SECONDS = 1.0
"""How long its readiness is trusted: at most this often a running server is asked again."""

ANSWER_SECONDS = 5.0
"""How long a server that loads its model may take to answer."""

PROBE_SECONDS = 1.0
"""How long a server that was ready may take: a job waits meanwhile, and a server that is away refuses at once."""

SERVER_ERROR = 500


class ServerSettings(RunnerSettings, frozen=True, kw_only=True):
    """Where the server beside the worker is asked, and where it says that it is ready."""

    engine: ClassVar[str] = "Server"
    variables: ClassVar[Mapping[str, str]] = {
        "api_key": "OPENAI_API_KEY",
        "base_url": "OPENAI_BASE_URL",
        "ready_url": "GREENSCALE_SERVER_READY_URL",
        "startup_seconds": "GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS",
    }

    api_key: str | None = None
    base_url: str = ""
    ready_url: str = ""
    startup_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 1800

    def __repr__(self) -> str:
        """Show no key and no address."""
        return "ServerSettings()"

    def completed(self, environment: Mapping[str, str], problems: list[str]) -> Self:
        """Require both addresses. There is never a proxy on the way to the pod's own server."""
        if not (self.ready_url and self.base_url):
            problems.append("GREENSCALE_ENGINE=Server needs GREENSCALE_SERVER_READY_URL and OPENAI_BASE_URL")
        addresses = {self.variables[name]: getattr(self, name) for name in ("base_url", "ready_url")}
        problems += connection_problems(self.api_key, environment, addresses=addresses)
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the addresses, which may have one in them."""
        return tuple(filter(None, (self.api_key, self.base_url, self.ready_url)))

    def make(self, common: CommonSettings) -> Runner:
        """Return a client of that server that asks for its readiness."""
        from greenscale_worker.chat_completions.client import ChatClient  # noqa: PLC0415 - takes long

        client = ChatClient(common, api_key=self.api_key, base_url=self.base_url, place=own_server(common.model))
        return ServerRunner(client, ready_url=self.ready_url, startup_seconds=self.startup_seconds)


class Trouble(msgspec.Struct, frozen=True):
    """Why a server is not ready: a clause. `is_away`: so surely that jobs need not be sent."""

    text: str
    is_away: bool


class ServerRunner:
    """Hands jobs to `client` while `ready_url` answers 2xx.

    A server that was ready once is away only where its connection is refused or reset, or where it answers 5xx:
    under load many servers are slow to answer. No job pays for a server that is away.
    """

    def __init__(self, client: Runner, *, ready_url: str, startup_seconds: float) -> None:
        self._client = client
        self._ready_url = ready_url
        self._shown_url = ready_url.partition("?")[0]  # a query may contain a token
        self._startup_seconds = startup_seconds
        self._asked_at = 0.0

    async def ready(self) -> None:
        """Wait until the model is loaded; raises EngineInTrouble if that takes too long."""
        await self._client.ready()
        try:
            async with asyncio.timeout(self._startup_seconds):
                while await self._trouble():  # noqa: ASYNC110 - a server of HTTP answers only when it is asked
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            trouble = await self._trouble()
            raise EngineInTrouble(
                "ServerNotReady",
                f"the model server was not ready within {self._startup_seconds:g} s: GET {self._shown_url} "
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
                    f"the model server is away: GET {self._shown_url} {trouble.text}; jobs wait for it, see the "
                    "container `server`",
                )
            self._asked_at = time.monotonic()
        try:
            return await self._client.answer(item, emit)
        except (AttemptFailed, EngineInTrouble, EngineLost):
            self._asked_at = 0.0  # ask before the next job
            raise

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def _trouble(self, seconds: float = ANSWER_SECONDS) -> Trouble | None:
        """Return why the server is not ready; None if it is."""
        import aiohttp  # noqa: PLC0415 - in a thread of the other engine's by now, or soon

        from greenscale_worker.chat_completions.breaks import broken_name  # noqa: PLC0415 - imports it too

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


def own_server(model: str) -> "Place":
    """Return how messages name the pod's own server, and the settings that are its remedies."""
    from greenscale_worker.outcomes.judge import Place  # noqa: PLC0415 - takes long

    return Place(
        host="the container `server`",
        model=model,
        address="engine.server.port (OPENAI_BASE_URL)",
        key="OPENAI_API_KEY",
        model_setting="engine.server.model (GREENSCALE_MODEL)",
    )
