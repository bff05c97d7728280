"""The way out of real worker processes with many calls in flight, and with a Redis that is away."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenscale_jobs import JobClient, JobState, RedisAddress, new_item
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.openai_server import OpenAIServer, serving

Start = Callable[..., "subprocess.Popen[str]"]

MANY = 100

LONG = " ".join("word" for _ in range(60))
"""Echo says it in 3 s."""

END_SECONDS = 30
"""Far above what a worker may take to end: 5 s to call off a claim, its grace, 5 s to release its jobs."""


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


async def ended(worker: "subprocess.Popen[str]") -> int:
    return await asyncio.to_thread(worker.wait, END_SECONDS)


async def until(true: Callable[[], bool]) -> None:
    """Wait for what only a look can tell; the server in this loop works in between."""
    async with asyncio.timeout(END_SECONDS):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def openai_environment(url: str, **more: str) -> dict[str, str]:
    return {
        "GREENSCALE_ENGINE": "OpenAI",
        "OPENAI_BASE_URL": url,
        "GREENSCALE_MODEL": "held",
        "GREENSCALE_CONCURRENCY": str(MANY),
        "GREENSCALE_LOG_FORMAT": "json",
        **more,
    }


def submit_many(client: JobClient) -> list[str]:
    """Send jobs of which every other can be finished once the server lets them."""
    items = [
        new_item(f"{'short' if number % 2 else 'long'} {number}", job_id=f"j{number:03}") for number in range(MANY)
    ]
    client.submit_many(items)
    return [item.id for item in items]


def asked(server: OpenAIServer) -> list[str]:
    return [request["messages"][-1]["content"] for request in server.requests]


async def test_of_many_calls_in_flight_some_are_finished_and_the_rest_starts_at_once_elsewhere(
    start_worker: Start, client: JobClient, tmp_path: Path
) -> None:
    """No lease has to end for it, no attempt is counted, and nothing is asked twice that was answered."""
    async with serving() as (server, url):
        ids = submit_many(client)
        first = start_worker(**openai_environment(url, GREENSCALE_GRACE_SECONDS="2"))
        await until(lambda: len(server.requests) == MANY)
        first.terminate()
        server.released.set()
        status = await ended(first)
        done = {job.id for job in client.jobs(JobState.DONE, limit=MANY).jobs}
        waiting = [job.id for job in client.jobs(JobState.WAITING, limit=MANY).jobs]
        attempts = {job.attempts for job in client.jobs(JobState.WAITING, limit=MANY).jobs}
        start_worker(**openai_environment(url, GREENSCALE_MODEL="echo"))
        await until(lambda: client.stats().counters.get("done", 0) == MANY)
        again = asked(server)[MANY:]
        jobs = [client.job(job_id) for job_id in ids]

    assert status == 0
    assert done == set(ids[1::2])
    assert waiting == ids[0::2], "in their order"
    assert attempts == {0}
    assert sorted(again) == sorted(f"long {number}" for number in range(0, MANY, 2))
    assert {(job.state, job.attempts, job.errors) for job in jobs} == {(JobState.DONE, 1, ())}
    log = [json.loads(line) for line in (tmp_path / "worker-0.log").read_text().splitlines()]
    assert [sum(line["event"] == event for line in log) for event in ("done", "released")] == [MANY // 2, MANY // 2]


async def test_a_second_sigterm_hands_all_back_at_once(
    start_worker: Start, client: JobClient, worker_log: Callable[[], str]
) -> None:
    async with serving() as (server, url):
        ids = submit_many(client)
        worker = start_worker(**openai_environment(url, GREENSCALE_GRACE_SECONDS="3600"))
        await until(lambda: len(server.requests) == MANY)
        worker.terminate()
        await until(lambda: "stopping" in worker_log())
        worker.terminate()
        status = await ended(worker)

    assert status == 0
    assert [job.id for job in client.jobs(JobState.WAITING, limit=MANY).jobs] == ids
    assert client.stats().in_flight == 0


@pytest.mark.parametrize("times", [1, 2], ids=["SIGTERM", "SIGTERM twice"])
@pytest.mark.parametrize("away", ["stopped", "hanging"])
async def test_a_worker_ends_though_redis_is_away_and_nothing_is_lost(
    start_worker: Start, own_redis: RedisServer, worker_log: Callable[[], str], away: str, times: int
) -> None:
    """The kubelet would kill it at last; until then it must not hold up the node."""
    own_redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_redis.start()
    grace = "1" if times == 1 else "3600"
    worker = start_worker(redis=own_redis.address, GREENSCALE_GRACE_SECONDS=grace, GREENSCALE_LEASE_SECONDS="1")
    with JobClient(own_redis.address) as client:
        job_id = client.submit(LONG)
        next(event for event in client.events(job_id) if event.type == "delta")
        assert own_redis.process is not None
        if away == "stopped":
            own_redis.stop(kill=True)
        else:
            own_redis.process.send_signal(signal.SIGSTOP)
        worker.terminate()
        if times == 2:
            await until(lambda: "stopping" in worker_log())
            worker.terminate()
        status = await ended(worker)
        if away == "stopped":
            own_redis.start()
        else:
            own_redis.process.send_signal(signal.SIGCONT)
        start_worker(redis=own_redis.address)
        job = await asyncio.to_thread(client.result, job_id)

    assert status == 0
    assert (job.state, job.result) == (JobState.DONE, LONG)


@pytest.mark.parametrize("moment", range(5))
async def test_what_comes_while_a_worker_is_called_off_is_left_to_nobody(
    start_worker: Start, client: JobClient, moment: int
) -> None:
    """A claim that is on its way when SIGTERM comes must not be leased to a process that ends."""
    worker = start_worker(GREENSCALE_GRACE_SECONDS="0")
    client.result(client.submit("ready"))
    for number in range(20 + moment):
        client.submit(f"{number}")
        if number == 10 + moment:
            worker.terminate()
    status = await ended(worker)

    assert status == 0
    assert client.stats().in_flight == 0
    assert [job for job in client.jobs(JobState.WAITING, limit=50).jobs if job.attempts] == []
