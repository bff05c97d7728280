"""A model server beside the worker: nothing is claimed before it is ready, and its absence costs no job an attempt."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from greenscale_jobs import JobQueue, JobState, RedisAddress
from greenscale_testing.openai_server import serving

Start = Callable[..., "subprocess.Popen[str]"]


class Readiness:
    """GET /health of a server that loads its model until told otherwise."""

    def __init__(self) -> None:
        self.ready = False
        self.asked = asyncio.Event()
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        return web.Response(status=200 if self.ready else 503)


@pytest.fixture
async def readiness() -> AsyncIterator[Readiness]:
    readiness = Readiness()
    app = web.Application()
    app.router.add_get("/health", readiness.answer)
    runner = web.AppRunner(app)
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
        async with asyncio.timeout(10):
            while (fault := (await plain_queue.stats()).fault) is None:  # noqa: ASYNC110 - Redis tells no such event
                await asyncio.sleep(0.05)
        readiness.ready = True

        assert await final(plain_queue, second) is JobState.DONE
        assert (await plain_queue.job(second)).errors == ()
        assert "the model server is away" in fault


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


async def test_a_worker_that_waits_for_its_model_ends_when_told_to(start_worker: Start, readiness: Readiness) -> None:
    worker = start_worker(**environment(readiness, "http://127.0.0.1:1/v1"))
    await readiness.asked.wait()
    worker.terminate()

    assert await asyncio.to_thread(worker.wait, 10) == 0
