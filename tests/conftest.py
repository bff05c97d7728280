"""A real redis-server for every test that needs one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from greenscale_jobs import JobQueue, RedisAddress
from greenscale_testing.local_redis import Clock, RedisServer


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
    """A Redis of the test's own, not started: to stop, kill, fill or lock it."""
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
    """A plain client, for what any other program may do to the keys."""
    with redis.Redis(port=address.port) as client:
        yield client
