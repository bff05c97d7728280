"""A real redis-server, and real worker processes, for every test that needs them."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis

from greenscale_jobs import JobQueue, RedisAddress
from greenscale_testing.local_redis import Clock, RedisServer

Start = Callable[..., "subprocess.Popen[str]"]

ENTRY = Path(__file__).parents[1] / "worker" / "worker.py"


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def address(shared_redis: RedisServer) -> RedisAddress:
    """The address of a Redis that is empty."""
    with redis.Redis(port=shared_redis.address.port) as client:
        client.flushall()
        client.config_set("maxmemory", "0")
        client.script_flush()
    return shared_redis.address


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for this test alone, not started: to stop, kill, fill or lock it."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def queue(address: RedisAddress, clock: Clock) -> AsyncIterator[JobQueue]:
    async with JobQueue(address, clock=clock) as queue:
        yield queue


@pytest.fixture
def raw(address: RedisAddress) -> Iterator[redis.Redis]:
    """A plain client, for what another program may do to the keys."""
    with redis.Redis(port=address.port) as client:
        yield client


@pytest.fixture
def start_worker(address: RedisAddress, tmp_path: Path) -> Iterator[Start]:
    """Start `python worker/worker.py`; keyword arguments are more environment. The Nth logs into `worker-N.log`."""
    started: list[subprocess.Popen[str]] = []

    def start(*, redis: RedisAddress = address, **environment: str) -> "subprocess.Popen[str]":
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "GREENSCALE"))}
        settings = {"GREENSCALE_ENGINE": "Echo", "REDIS_HOST": redis.host, "REDIS_PORT": str(redis.port)}
        with (tmp_path / f"worker-{len(started)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, str(ENTRY)],
                env={**ours, **settings, **environment},
                stderr=log,
                text=True,
                cwd=tmp_path,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def worker_log(tmp_path: Path) -> Callable[[], str]:
    """Return what the first worker logged so far."""
    return (tmp_path / "worker-0.log").read_text
