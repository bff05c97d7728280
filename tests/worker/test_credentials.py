"""A key or a password that is refused is read again: the worker ends, and its restart has the Secret's new value."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis
from aiohttp import web
from msgspec.structs import replace

from greenscale_jobs import AccessRefused, JobClient, JobState, QueueUnavailable, RedisAddress
from greenscale_jobs.engine_report import seconds_of_news
from greenscale_jobs.errors import NO_HANDSHAKE, translate
from greenscale_testing.local_redis import RedisServer
from greenscale_worker.credentials import (
    LIMITED_SECONDS,
    READ_AGAIN_AFTER_SECONDS,
    WRONG_SECONDS,
    AccessRefusals,
    KeyRefusals,
)
from greenscale_worker.errors import EngineError, EngineInTrouble, EngineMisconfigured
from greenscale_worker.outcomes.refusals import REFUSALS

Start = Callable[..., "subprocess.Popen[str]"]

REFUSED_STATUS = 3
READ_AGAIN = {"WORKER_SETTINGS": json.dumps({"readAgainAtRestart": ["OPENAI_API_KEY", "REDIS_PASSWORD"]})}

WRONG = EngineMisconfigured("Unauthorized", "it refuses the API key")
POOR = EngineMisconfigured("NoCredit", "the account has no credit")
AWAY = EngineInTrouble("Unavailable", "it takes no requests for now")
NO_PASSWORD = AccessRefused("Redis refuses us", variable="REDIS_PASSWORD")
REDIS_AWAY = QueueUnavailable("Redis does not answer")


@pytest.mark.parametrize(
    ("refusals", "trouble_since", "now", "expected"),
    [
        pytest.param([(0, WRONG)], 0, WRONG_SECONDS, WRONG, id="for long enough"),
        pytest.param([(0, WRONG)], 0, WRONG_SECONDS - 1, None, id="not for long enough"),
        pytest.param([(0, WRONG), (29, WRONG)], 0, WRONG_SECONDS, WRONG, id="counted from the first"),
        pytest.param([(0, WRONG)], None, 99, None, id="the engine has answered since"),
        pytest.param([(0, WRONG), (90, WRONG)], 80, 99, None, id="it answered in between"),
        pytest.param([(0, WRONG), (31, AWAY)], 0, 40, None, id="it is away by now"),
        pytest.param([(0, AWAY), (50, WRONG)], 0, 60, None, id="it was away before"),
        pytest.param(
            [(0, WRONG), (20, AWAY), (40, WRONG)], 0, 40, WRONG, id="away and back, the key as wrong as before"
        ),
        pytest.param([(0, POOR)], 0, 99, None, id="no credit: its owner may add some"),
        pytest.param([(0, POOR)], 0, LIMITED_SECONDS, POOR, id="no credit for long"),
        pytest.param([], None, 99, None, id="nothing was refused"),
    ],
)
def test_a_key_is_read_again(
    refusals: list[tuple[float, EngineError]], trouble_since: float | None, now: float, expected: EngineError | None
) -> None:
    key = KeyRefusals({"OPENAI_API_KEY"})
    elsewhere = KeyRefusals({"REDIS_PASSWORD"})
    for at, error in refusals:
        for each in (key, elsewhere):
            each.note(error, at, trouble_since=trouble_since or 0)

    assert key.lasting(now, trouble_since=trouble_since) == (expected and expected.message)
    assert elsewhere.lasting(now, trouble_since=trouble_since) is None, "a restart would bring the same key"


def test_every_refusal_that_another_key_may_end_has_its_time() -> None:
    assert {row.reason for row in REFUSALS if "{key}" in row.remedy} | {"NoKey"} == READ_AGAIN_AFTER_SECONDS.keys()


@pytest.mark.parametrize(
    ("answers", "now", "expected"),
    [
        pytest.param([(0, NO_PASSWORD)], 30, NO_PASSWORD, id="for long enough"),
        pytest.param([(0, NO_PASSWORD)], 29, None, id="not for long enough"),
        pytest.param([(0, NO_PASSWORD), (1, None), (2, NO_PASSWORD)], 31, None, id="it answered in between"),
        pytest.param([(0, NO_PASSWORD), (20, REDIS_AWAY)], 31, None, id="it is away by now"),
        pytest.param([(0, AccessRefused("TLS", variable="REDIS_CA"))], 31, None, id="of a certificate of one's own"),
    ],
)
def test_a_password_is_read_again(
    answers: list[tuple[float, QueueUnavailable | None]], now: float, expected: AccessRefused | None
) -> None:
    password = AccessRefusals({"REDIS_PASSWORD"})
    for at, error in answers:
        if error:
            password.note(error, at)
        else:
            password.answered()

    assert password.lasting(now) == (expected and str(expected))


@pytest.mark.parametrize(
    ("error", "variable"),
    [
        pytest.param(
            redis.AuthenticationError("WRONGPASS invalid username-password pair"), "REDIS_PASSWORD", id="wrong"
        ),
        pytest.param(redis.ResponseError("NOAUTH Authentication required."), "REDIS_PASSWORD", id="none given"),
        pytest.param(
            redis.AuthenticationError("AUTH <password> called without any password configured"),
            "REDIS_PASSWORD",
            id="it was taken away",
        ),
        pytest.param(
            redis.ConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"),
            "REDIS_CA",
            id="of a new CA",
        ),
        pytest.param(redis.ConnectionError("Connection refused"), None, id="nobody listens"),
        pytest.param(redis.TimeoutError(NO_HANDSHAKE), None, id="no TLS"),
        pytest.param(redis.exceptions.NoPermissionError("NOPERM"), None, id="rights are Redis' to give"),
    ],
)
def test_what_redis_refuses_names_the_variable(error: Exception, variable: str | None) -> None:
    assert getattr(translate(error, "host:1"), "variable", None) == variable


# Real workers, and the time as it goes: what takes half a minute each is tried side by side.


@pytest.mark.timeout(240)
async def test_what_was_rotated_is_taken_up_by_a_restart(
    start_worker: Start, address: RedisAddress, tmp_path: Path
) -> None:
    """K12, without a hand, and without anybody who reads Secrets."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_a_key(start_worker, address, tmp_path))
        group.create_task(_a_key_that_others_have_renewed(start_worker, tmp_path / "others"))
        group.create_task(_a_password(start_worker, tmp_path / "password"))
        group.create_task(_a_password_of_one_connection(start_worker, tmp_path / "connection"))


async def _a_key(start_worker: Start, address: RedisAddress, logs: Path) -> None:
    """The job in hand was begun with the old key and is not cut; no job pays, and the report outlasts the restart."""
    with JobClient(address) as client:
        api = Keyed()
        async with serving(api) as url:
            settings = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-old"}
            slow = client.submit("slow")
            rotating = start_worker(**settings, **READ_AGAIN, GREENSCALE_CONCURRENCY="4")
            await asyncio.wait_for(api.slow.wait(), 60)
            api.key = "sk-new"
            ids = [client.submit(f"job {number}") for number in range(10)]
            by_hand = start_worker(**settings, GREENSCALE_CONCURRENCY="4")
            await until(lambda: client.stats().fault is not None)
            await asyncio.sleep(5)  # its patience is over by now: only the job in hand keeps it
            kept = rotating.poll()
            api.release.set()
            status = await ended(rotating)
            stats = client.stats()
            still_there = by_hand.poll()
            by_hand.terminate()
            await ended(by_hand)
            start_worker(**{**settings, "OPENAI_API_KEY": "sk-new"}, **READ_AGAIN)
            await until(lambda: {client.job(job_id).state for job_id in [slow, *ids]} == {JobState.DONE})
        jobs = [client.job(job_id) for job_id in [slow, *ids]]

    assert (kept, status) == (None, REFUSED_STATUS)
    assert still_there is None, "a restart would not help one that was given its key by hand"
    logged = [file.read_text() for file in logs.glob("worker-*.log")]  # noqa: ASYNC240 - small, and all is over
    # Workers of the other scenarios write into the same folder: only what a worker says as it ends counts.
    last_words = [line for text in logged for line in text.splitlines() if line.startswith("greenscale-worker: ")]
    of_keys = [line for line in last_words if "the API key" in line]
    assert of_keys
    assert all(line.endswith("The worker ends: its restart reads the Secret again.") for line in of_keys)
    assert "sk-" not in "".join(logged)
    assert stats.fault is not None
    assert seconds_of_news(stats, now=stats.fault_at or 0) > 5 * 60, "the kubelet may wait for so long"
    assert {(job.state, job.attempts) for job in jobs} == {(JobState.DONE, 1)}


async def _a_key_that_others_have_renewed(start_worker: Start, folder: Path) -> None:
    """What the last of the old workers reports would stay after all jobs are done: nobody would withdraw it."""
    api = Keyed()
    api.key = "sk-new"
    async with serving(api) as url:
        with running_redis(folder) as address, JobClient(address) as client:
            openai = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "GREENSCALE_CONCURRENCY": "4"}
            given = {"redis": address, "REDIS_PASSWORD": "old", **openai}
            job_id = client.submit("hello")
            old = start_worker(**given, **READ_AGAIN, OPENAI_API_KEY="sk-old")
            await until(lambda: client.job(job_id).uncharged is not None)
            start_worker(**given, OPENAI_API_KEY="sk-new")
            await until(lambda: client.job(job_id).state is JobState.DONE)
            status = await ended(old)
            fault = client.stats().fault

    assert (status, fault) == (REFUSED_STATUS, None)


async def _a_password(start_worker: Start, folder: Path) -> None:
    """Of an idle worker, and of one with a job in hand, which it could not store any more."""
    api = Keyed()
    async with serving(api) as url, asyncio.timeout(150):
        with running_redis(folder) as old, JobClient(old) as client:
            password = {"redis": old, "REDIS_PASSWORD": "old"}
            openai = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-old"}
            job_id = client.submit("slow")
            quick = {"GREENSCALE_LEASE_SECONDS": "2", "GREENSCALE_CONCURRENCY": "1"}
            busy = start_worker(**password, **openai, **quick, **READ_AGAIN)
            await asyncio.wait_for(api.slow.wait(), 60)
            idle, by_hand = start_worker(**password, **READ_AGAIN), start_worker(**password)
            await waiting(old, 2)
            new = rotate(old)
            with redis.Redis(port=new.port, password=new.password) as admin:
                admin.client_kill_filter(_type="normal", skipme=True)
            statuses = await ended(idle), await ended(busy)
            still_there = by_hand.poll()
            start_worker(redis=new, REDIS_PASSWORD="new", **quick)
            with JobClient(new) as renewed:
                await until(lambda: renewed.job(job_id).state.final)
                job = renewed.job(job_id)

    assert statuses == (REFUSED_STATUS, REFUSED_STATUS)
    assert still_there is None, "a restart would not help it"
    assert (job.state, job.attempts) == (JobState.DONE, 1)


async def _a_password_of_one_connection(start_worker: Start, folder: Path) -> None:
    """Redis lets old sessions live: tending goes on, while claims need a new connection and are refused."""
    with running_redis(folder) as old:
        worker = start_worker(redis=old, REDIS_PASSWORD="old", **READ_AGAIN)
        (claims,) = await waiting(old, 1)
        new = rotate(old)
        with redis.Redis(port=new.port, password=new.password) as admin:
            admin.client_kill_filter(_id=claims)
            sessions = len(admin.client_list())
        status = await ended(worker)

    assert sessions > 1, "those of its other loops were left to it"
    assert status == REFUSED_STATUS


class Keyed:
    """An API whose key may change; a prompt `slow` is answered after `release`, if its key was good at first."""

    def __init__(self) -> None:
        self.key = "sk-old"
        self.slow, self.release = asyncio.Event(), asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        prompt = (await request.json())["messages"][-1]["content"]
        if request.headers["Authorization"] != f"Bearer {self.key}":
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        if prompt == "slow":
            self.slow.set()
            await self.release.wait()
        choice = {"index": 0, "message": {"role": "assistant", "content": prompt}, "finish_reason": "stop"}
        return web.json_response({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]})


@contextlib.asynccontextmanager
async def serving(api: Keyed) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        api.release.set()
        await runner.cleanup()


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[RedisAddress]:
    """A Redis of its own whose password is `old`."""
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    server.say("CONFIG", "SET", "requirepass", "old")
    try:
        yield replace(server.address, password="old")
    finally:
        server.stop()


def rotate(old: RedisAddress) -> RedisAddress:
    """Change the password to `new`."""
    with redis.Redis(port=old.port, password=old.password) as admin:
        admin.config_set("requirepass", "new")
    return replace(old, password="new")


async def waiting(address: RedisAddress, count: int) -> list[str]:
    """Return the connections on which workers wait for jobs, once there are so many."""
    found: list[str] = []
    async with asyncio.timeout(60):
        while len(found) < count:  # Redis tells no such event
            await asyncio.sleep(0.05)
            with redis.Redis(port=address.port, password=address.password) as admin:
                found = [session["id"] for session in admin.client_list() if session["cmd"] == "blmove"]
    return found


async def until(is_so: Callable[[], bool], *, seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - neither a process nor Redis tells such an event
            await asyncio.sleep(0.05)


async def ended(worker: "subprocess.Popen[str]") -> int:
    return await asyncio.to_thread(worker.wait, 90)
