"""A model server beside the worker: nothing is claimed before it is ready, and its absence costs no job an attempt."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from greenscale_jobs import Item, JobQueue, JobState, RedisAddress
from greenscale_testing.engine_calls import ask, engine_at
from greenscale_testing.openai_server import OpenAIServer, serving
from greenscale_testing.ports import free_port
from greenscale_testing.raw_server import message, raw
from greenscale_worker.errors import EngineInTrouble
from greenscale_worker.runners.server import ServerRunner, own_server

Start = Callable[..., "subprocess.Popen[str]"]


class Readiness:
    """GET /health of a server that loads its model until it is set ready."""

    def __init__(self) -> None:
        self.ready = False
        self.status = 200
        self.seconds = 0.0
        """How long it takes to say so."""
        self.asked = asyncio.Event()
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        status = self.status if self.ready else 503
        self.asked.set()
        await asyncio.sleep(self.seconds)
        return web.Response(status=status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def readiness() -> AsyncIterator[Readiness]:
    readiness = Readiness()
    app = web.Application()
    app.router.add_get("/health", readiness.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    readiness.url = f"http://127.0.0.1:{runner.addresses[0][1]}/health"
    yield readiness
    await runner.cleanup()


@pytest.fixture
async def plain_queue(address: RedisAddress) -> AsyncIterator[JobQueue]:
    async with JobQueue(address) as queue:
        yield queue


def environment(readiness: Readiness, base_url: str, **more: str) -> dict[str, str]:
    return {
        "GREENSCALE_ENGINE": "Server",
        "GREENSCALE_SERVER_READY_URL": readiness.url,
        "OPENAI_BASE_URL": base_url,
        "GREENSCALE_MODEL": "echo",
        **more,
    }


async def final(queue: JobQueue, job_id: str) -> JobState:
    async for event in queue.events(job_id):
        if event.final:
            break
    return (await queue.job(job_id)).state


async def test_nothing_is_claimed_before_the_model_is_loaded(
    start_worker: Start, readiness: Readiness, plain_queue: JobQueue
) -> None:
    async with serving() as (server, url):
        job_id = await plain_queue.submit("hello")
        start_worker(**environment(readiness, url))
        for _ in range(2):
            readiness.asked.clear()
            await readiness.asked.wait()
        waiting = (await plain_queue.job(job_id)).state
        readiness.ready = True

        assert await final(plain_queue, job_id) is JobState.DONE
        assert waiting is JobState.WAITING
        assert len(server.requests) == 1


async def test_a_server_that_went_away_costs_no_attempt(
    start_worker: Start, readiness: Readiness, plain_queue: JobQueue
) -> None:
    async with serving() as (_, url):
        readiness.ready = True
        first = await plain_queue.submit("hello")
        start_worker(**environment(readiness, url, GREENSCALE_MAX_ATTEMPTS="1"))
        await final(plain_queue, first)
        readiness.ready = False
        await asyncio.sleep(1.1)  # its word holds for a second
        second = await plain_queue.submit("again")
        readiness.asked.clear()
        await readiness.asked.wait()
        readiness.ready = True

        assert await final(plain_queue, second) is JobState.DONE
        assert (await plain_queue.job(second)).errors == ()


@pytest.fixture
async def engine(readiness: Readiness) -> AsyncIterator[tuple[ServerRunner, OpenAIServer]]:
    """Give an engine whose server has been ready."""
    async with serving() as (server, url), engine_at(url, model="echo", place=own_server("echo")) as asked:
        readiness.ready = True
        engine = ServerRunner(asked, ready_url=readiness.url, startup_seconds=5)
        await engine.ready()
        yield engine, server


async def answer(engine: ServerRunner) -> str:
    return (await engine.answer(Item("id", "hi"), lambda _: None)).text


async def test_a_server_that_is_slow_to_say_that_it_is_ready_is_not_away(
    engine: tuple[ServerRunner, OpenAIServer], readiness: Readiness
) -> None:
    """Under load many answer /health late, while they answer prompts."""
    readiness.seconds = 60
    async with asyncio.timeout(10):
        assert await answer(engine[0]) == "hi"


@pytest.mark.parametrize("status", [404, 401, 302, 429])
async def test_only_a_server_error_says_that_a_server_is_away(
    engine: tuple[ServerRunner, OpenAIServer], readiness: Readiness, status: int
) -> None:
    readiness.status = status

    assert await answer(engine[0]) == "hi"


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_that_says_that_it_is_away_is_not_asked(
    engine: tuple[ServerRunner, OpenAIServer], readiness: Readiness, status: int
) -> None:
    readiness.status = status
    with pytest.raises(EngineInTrouble, match=f"is away: GET .* answers {status}"):
        await answer(engine[0])

    assert engine[1].requests == []


async def test_a_server_that_refuses_connections_is_away(engine: tuple[ServerRunner, OpenAIServer]) -> None:
    gone = ServerRunner(engine[0], ready_url=f"http://127.0.0.1:{free_port()}/health", startup_seconds=5)
    with pytest.raises(EngineInTrouble, match=r"is away: GET .* fails: refused"):
        await answer(gone)


@pytest.mark.parametrize("status", [404, 301, 503])
async def test_a_server_that_loads_is_not_ready_before_it_says_so(readiness: Readiness, status: int) -> None:
    """A redirect is not followed: what answers there is not the server."""
    readiness.ready, readiness.status = True, status
    async with engine_at("http://127.0.0.1:1/v1") as asked:
        with pytest.raises(EngineInTrouble, match=f"not ready within 0.2 s: GET .* answers {status}"):
            await ServerRunner(asked, ready_url=readiness.url, startup_seconds=0.2).ready()


async def test_a_token_in_the_ready_url_is_in_no_message(engine: tuple[ServerRunner, OpenAIServer]) -> None:
    url = f"http://127.0.0.1:{free_port()}/health?token=sk-secret"
    gone = ServerRunner(engine[0], ready_url=url, startup_seconds=0.1)
    for attempt in (gone.ready(), answer(gone)):
        with pytest.raises(EngineInTrouble, match=r"GET http://[^ ]*/health fails: refused") as caught:
            await attempt
        assert "sk-secret" not in str(caught.value)


async def test_errors_name_the_servers_own_settings() -> None:
    async with raw(message(404, {"detail": "Not Found"})) as (_, url), engine_at(url, place=own_server("m")) as asked:
        outcome = await ask(asked)

    assert "the container `server`" in str(outcome)
    assert "engine.server.port (OPENAI_BASE_URL)" in str(outcome)


async def test_a_model_that_never_loads_ends_the_worker_and_says_so(
    start_worker: Start, readiness: Readiness, plain_queue: JobQueue, worker_log: Callable[[], str]
) -> None:
    settings = environment(readiness, "http://127.0.0.1:1/v1", GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS="1")
    status = await asyncio.to_thread(start_worker(**settings).wait, 30)
    fault = (await plain_queue.stats()).fault

    assert status == 1
    assert fault is not None
    assert "was not ready within 1 s" in fault
    assert "answers 503" in fault
    assert "startupTimeoutSeconds" in worker_log()
    assert "Traceback" not in worker_log()


async def test_a_worker_that_waits_for_its_model_ends_at_a_signal(start_worker: Start, readiness: Readiness) -> None:
    worker = start_worker(**environment(readiness, "http://127.0.0.1:1/v1"))
    await readiness.asked.wait()
    worker.terminate()

    assert await asyncio.to_thread(worker.wait, 10) == 0
