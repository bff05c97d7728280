"""GET /readyz: a worker is ready when its engine was, and Redis answers its claims; whatever it is doing then."""

import asyncio
import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from aiohttp import web

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.openai_server import serving
from greenscale_testing.ports import free_port
from greenscale_worker import liveness
from greenscale_worker.liveness import Pulse

Start = Callable[..., "subprocess.Popen[str]"]


def ask(port: int, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    """Return the status and the body; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


async def until_answer(port: int, status: int, *, saying: str = "", seconds: float = 20) -> str:
    """Wait until the worker answers so; returns why it is not ready."""
    async with asyncio.timeout(seconds):
        while True:
            code, body = await asyncio.to_thread(ask, port)
            if code == status and saying in str(body.get("why")):
                return str(body.get("why"))
            await asyncio.sleep(0.05)


async def test_a_worker_is_ready_as_soon_as_it_waits_for_jobs(start_worker: Start) -> None:
    """One that is kept awake has no job that would prove it, and its first claim may wait for long."""
    port = free_port()
    start_worker(GREENSCALE_LIVENESS_PORT=str(port))

    assert await until_answer(port, 200, seconds=5) == "None"
    assert ask(port, "/livez")[0] == 200
    assert ask(port, "/")[0] == 404


async def test_a_worker_without_redis_is_not_ready_until_it_is_there(
    start_worker: Start, own_redis: RedisServer
) -> None:
    port = free_port()
    start_worker(redis=own_redis.address, GREENSCALE_LIVENESS_PORT=str(port))
    why = await until_answer(port, 503, saying="does not answer")
    alive, _ = ask(port, "/livez")
    own_redis.start()
    await until_answer(port, 200, seconds=5)
    own_redis.stop()
    await until_answer(port, 503, saying="does not answer", seconds=30)

    assert f"Redis at {own_redis.address} does not answer" in why
    assert alive == 200


@pytest.mark.parametrize("rights", ["wrong", "no blocking moves", "a list that is none"])
async def test_a_worker_that_may_not_claim_is_not_ready(
    start_worker: Start, own_redis: RedisServer, rights: str
) -> None:
    """Redis answers, and tending works: it is the claims that count."""
    own_redis.start()
    password = "hunter2"
    own_redis.say("ACL", "SETUSER", "w", "on", f">{password}", "~*", "&*", "+@all", *(
        ["-blmove"] if rights == "no blocking moves" else []
    ))  # fmt: skip
    if rights == "a list that is none":
        own_redis.say("SET", "jobs", "mine")
    port = free_port()
    start_worker(
        redis=own_redis.address,
        REDIS_USERNAME="w",
        REDIS_PASSWORD="no" if rights == "wrong" else password,
        GREENSCALE_LIVENESS_PORT=str(port),
    )
    expected = {
        "wrong": "Set REDIS_PASSWORD",
        "no blocking moves": "Grant its user that right",
        "a list that is none": "Rename that key",
    }

    why = await until_answer(port, 503, saying=expected[rights])

    assert password not in why
    assert (await asyncio.to_thread(ask, port))[0] == 503, "it does not come and go"


@pytest.mark.parametrize("doing", ["its hand is full", "its queue is suspended", "its engine is away", "it is ending"])
async def test_a_worker_that_claims_nothing_for_now_is_ready(
    start_worker: Start, address: RedisAddress, raw: redis.Redis, doing: str
) -> None:
    port = free_port()
    with JobClient(address) as client:
        async with serving() as (server, url):
            settings = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "GREENSCALE_LIVENESS_PORT": str(port)}
            if doing == "its queue is suspended":
                raw.hset("jobs:config", "paused", "1")
            model = "503" if doing == "its engine is away" else "silent"
            worker = start_worker(**settings, GREENSCALE_MODEL=model, GREENSCALE_CONCURRENCY="1")
            for _ in range(2):
                client.submit("hi")
            await until_answer(port, 200)
            if doing != "its queue is suspended":
                await asyncio.wait_for(server.asked.wait(), 20)
            if doing == "it is ending":
                worker.terminate()
            answers = [await asyncio.to_thread(ask, port) for _ in range(20)]
        state = client.stats()

    assert {status for status, _ in answers} == {200}
    assert state.counters.get("done", 0) == 0


async def test_a_model_server_is_ready_before_its_worker(start_worker: Start, address: RedisAddress) -> None:
    port, loaded = free_port(), asyncio.Event()
    with JobClient(address) as client:
        job_id = client.submit("hi")
        async with loading(loaded) as url:
            start_worker(
                GREENSCALE_ENGINE="Server",
                GREENSCALE_SERVER_READY_URL=f"{url}/health",
                OPENAI_BASE_URL=f"{url}/v1",
                GREENSCALE_LIVENESS_PORT=str(port),
            )
            why = await until_answer(port, 503)
            before = client.job(job_id).state
            loaded.set()
            await until_answer(port, 200, seconds=10)

    assert why == "the engine is not ready yet"
    assert before is JobState.WAITING


@contextlib.asynccontextmanager
async def loading(loaded: asyncio.Event) -> AsyncIterator[str]:
    """Serve `/health`, 503 until it is loaded."""

    async def health(_: web.Request) -> web.Response:
        return web.Response(status=200 if loaded.is_set() else 503)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_a_redis_that_went_silent_makes_a_busy_worker_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for no jobs while its hand is full: what its other loops are answered counts then."""
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pulse = Pulse()
    pulse.engine_is_ready()
    pulse.claims_answered()
    now += liveness.SILENT_SECONDS
    before = pulse.why_not_ready
    now += 1

    assert before is None
    assert pulse.why_not_ready == "Redis has not answered for 31 s"
