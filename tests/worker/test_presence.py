"""Live workers are counted in Redis: from their start, while a model loads, until they get SIGTERM."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
import redis

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.kubernetes import until
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

Start = Callable[..., "subprocess.Popen[str]"]

LONG = " ".join("word" for _ in range(200))
"""Echo says it in 10 s."""


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def await_workers(client: JobClient, count: int) -> None:
    until(lambda: client.stats().workers == count, seconds=20)


def test_a_worker_is_counted_before_its_model_is_loaded(start_worker: Start, client: JobClient) -> None:
    loading = f"http://127.0.0.1:{free_port()}/health"
    start_worker(
        GREENSCALE_ENGINE="Server",
        GREENSCALE_MODEL="m",
        GREENSCALE_SERVER_READY_URL=loading,
        OPENAI_BASE_URL="http://127.0.0.1:1/v1",
        GREENSCALE_WORKER="loading",
    )
    await_workers(client, 1)

    assert client.stats().claims == 0


def test_a_worker_that_drains_is_counted_no_more(start_worker: Start, client: JobClient) -> None:
    """Its pod is not among the replicas any more: counted, each rollout would start one more."""
    first, second = (start_worker(GREENSCALE_CONCURRENCY="1", GREENSCALE_WORKER=name) for name in ("w1", "w2"))
    await_workers(client, 2)
    ids = [client.submit(LONG), client.submit(LONG)]
    until(lambda: client.stats().in_flight == 2, seconds=20)
    first.terminate()
    await_workers(client, 1)

    assert first.poll() is None, "it still works"
    assert [client.job(job_id).state for job_id in ids] == [JobState.RUNNING] * 2
    second.terminate()
    await_workers(client, 0)


def test_a_worker_whose_engine_never_comes_is_counted_no_more(start_worker: Start, client: JobClient) -> None:
    worker = start_worker(
        GREENSCALE_ENGINE="Server",
        GREENSCALE_MODEL="m",
        GREENSCALE_SERVER_READY_URL=f"http://127.0.0.1:{free_port()}/health",
        GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS="1",
        OPENAI_BASE_URL="http://127.0.0.1:1/v1",
    )

    assert worker.wait(20) == 1
    assert client.stats().workers == 0


def test_a_worker_is_counted_once_redis_is_there(
    start_worker: Start, own_redis: RedisServer, worker_log: Callable[[], str]
) -> None:
    start_worker(redis=own_redis.address)
    until(lambda: "redis_unavailable" in worker_log(), seconds=20)
    own_redis.start()
    with JobClient(own_redis.address) as client:
        await_workers(client, 1)


def test_a_damaged_set_of_workers_stops_no_job(
    start_worker: Start, client: JobClient, raw: redis.Redis, worker_log: Callable[[], str]
) -> None:
    raw.set("jobs:workers", "of another program")
    start_worker()

    assert client.result(client.submit("hello")).result == "hello"
    until(lambda: "not_counted" in worker_log(), seconds=20)
    assert "(jobs:workers is a string, not a zset)" in worker_log()
