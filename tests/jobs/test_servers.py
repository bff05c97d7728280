"""What answers at the address: a server that keeps queues, or one that must be refused in a clear sentence."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from greenscale_jobs import Fleet, JobClient, JobQueue, QueueUnavailable, RedisAddress
from greenscale_jobs.connection.server_checks import dangers, read_info, refusal
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.tcp_proxy import TcpProxy

CLUSTER = "is a node of a Redis Cluster, which is not supported: use a single primary"
SENTINEL = "is a Sentinel, which keeps no data: point REDIS_HOST and REDIS_PORT to"


@pytest.fixture
def cluster(own_redis: RedisServer) -> RedisServer:
    """A node that has all slots: a queue would seem to work here, until the slots move."""
    own_redis.options = ("--cluster-enabled", "yes")
    own_redis.start()
    with redis.Redis(port=own_redis.address.port) as client:
        client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
    return own_redis


@pytest.fixture
def sentinel(own_redis: RedisServer) -> RedisServer:
    own_redis.start_as_sentinel()
    return own_redis


@pytest.mark.parametrize(("kind", "sentence"), [("cluster", CLUSTER), ("sentinel", SENTINEL)])
async def test_whoever_comes_to_a_wrong_server_reads_so(
    request: pytest.FixtureRequest, kind: str, sentence: str
) -> None:
    """A worker, the operator (by its fleet), the page and the command: all say the same."""
    server: RedisServer = request.getfixturevalue(kind)
    said = rf"^Redis at {server.address} {re.escape(sentence)}"
    async with JobQueue(server.address) as queue, Fleet(server.address) as fleet:
        with pytest.raises(QueueUnavailable, match=said):
            await queue.claim_when_there("w", 1, seconds=1)
        with pytest.raises(QueueUnavailable, match=said):
            await queue.configure(max_length=1, result_ttl_seconds=1, paused=False)
        with pytest.raises(QueueUnavailable, match=said):
            await fleet.survey(["jobs"])
    with JobClient(server.address) as client, pytest.raises(QueueUnavailable, match=said):
        client.submit("hi")


@pytest.mark.parametrize(
    ("info", "why"),
    [
        pytest.param({"redis_mode": "standalone", "redis_version": "6.2.0"}, None, id="the oldest"),
        pytest.param({"redis_mode": "standalone", "redis_version": "10.0.0"}, None, id="one to come"),
        pytest.param({"server_mode": "standalone", "redis_version": "7.2.4"}, None, id="Valkey"),
        pytest.param({}, None, id="one that tells nothing"),
        pytest.param(
            {"redis_mode": "standalone", "redis_version": "6.0.20"}, "is version 6.0.20, which is too old", id="old"
        ),
        pytest.param({"redis_mode": "standalone", "redis_version": "5.0.14"}, "is version 5.0.14", id="older"),
        pytest.param({"server_mode": "cluster", "redis_version": "7.2.4"}, CLUSTER, id="a cluster of Valkey"),
        pytest.param({"server_mode": "sentinel", "redis_version": "7.2.4"}, SENTINEL, id="a Sentinel of Valkey"),
    ],
)
def test_refusal(info: dict[str, str], why: str | None) -> None:
    said = refusal(info)

    assert said is None if why is None else (said or "").startswith(why)


async def test_a_server_that_may_lose_jobs_says_so_with_the_remedy(queue: JobQueue, raw: redis.Redis) -> None:
    raw.config_set("maxmemory", "100mb")
    raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = await queue.dangers()
    finally:
        raw.config_set("maxmemory-policy", "noeviction")
        raw.config_set("maxmemory", "0")

    assert found == [
        (
            f"Redis at {queue.address} throws jobs or results away when its memory is full: "
            "set maxmemory-policy to noeviction, not allkeys-lru"
        ),
        f"Redis at {queue.address} loses jobs when it restarts, for it has no append-only file: set appendonly to yes",
    ]


def test_a_worker_says_so_when_it_starts(
    address: RedisAddress, start_worker: Callable[..., object], worker_log: Callable[[], str]
) -> None:
    start_worker()
    while "jobs_may_be_lost" not in worker_log():
        time.sleep(0.01)

    assert f"Redis at {address} loses jobs when it restarts" in worker_log()


def test_a_server_that_is_set_up_well_is_no_danger(own_redis: RedisServer) -> None:
    own_redis.options = ("--appendonly", "yes", "--maxmemory", "100mb")
    own_redis.start()
    with redis.Redis(port=own_redis.address.port) as client:
        info = {name: str(value) for name, value in client.info().items()}

    assert dangers(info) == []


def test_read_info() -> None:
    reply = b"# Server\r\nredis_version:7.4.1\r\nexecutable:/a:b\r\n\r\n# Memory\r\nmaxmemory:0\r\n"

    assert read_info(reply) == {"redis_version": "7.4.1", "executable": "/a:b", "maxmemory": "0"}


# A failover.


class Pair:
    """A primary and its replica, behind an address that leads to either."""

    def __init__(self, one: RedisServer, other: RedisServer, proxy: TcpProxy) -> None:
        self.one, self.other, self.proxy = one, other, proxy

    def fail_over(self) -> None:
        """Promote the replica and demote the primary, as a Sentinel or an operator of Redis does; move nobody."""
        self.other.await_replication(self.one)
        self.other.say("REPLICAOF", "NO", "ONE")
        self.one.say("REPLICAOF", "127.0.0.1", self.other.address.port)

    def move_address(self) -> None:
        """Let new connections reach the new primary. Those that are open stay where they are."""
        self.proxy.target = self.other.address.port


@pytest.fixture
def pair(own_redis: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    (tmp_path / "other").mkdir()
    other = RedisServer(tmp_path / "other", "--replicaof", "127.0.0.1", str(own_redis.address.port))
    own_redis.options = ("--repl-diskless-sync-delay", "0")
    own_redis.start()
    try:
        other.start()
        other.await_replication(own_redis)
        with TcpProxy(own_redis.address.port) as proxy:
            yield Pair(own_redis, other, proxy)
    finally:
        other.stop()


async def test_connections_leave_a_primary_that_was_demoted(pair: Pair) -> None:
    """A Service that moves on moves nobody who is connected, and redis-py keeps its sockets."""
    async with JobQueue(pair.proxy.address) as queue:
        with JobClient(pair.proxy.address) as client:
            first, second = client.submit("first"), client.submit("second")
            (claim,) = await queue.claim("w") or []
            pair.fail_over()
            said = rf"^Redis at {pair.proxy.address} is a replica: point REDIS_HOST to the primary\.$"
            with pytest.raises(QueueUnavailable, match=said):
                await queue.renew([claim])
            with pytest.raises(QueueUnavailable, match=said):
                client.submit("third")
            pair.move_address()

            assert await queue.renew([claim]) == ["held"]
            assert [job.id for job in await queue.claim("w") or []] == [second]
            assert client.stats().in_flight == 2
            assert claim.id == first


async def test_the_operator_leaves_a_primary_that_was_demoted(pair: Pair) -> None:
    async with Fleet(pair.proxy.address) as fleet:
        await fleet.queue("jobs").submit("hi")
        pair.fail_over()
        with pytest.raises(QueueUnavailable, match="is a replica"):
            await fleet.forget_workload("ns", "name")
        pair.move_address()
        await fleet.forget_workload("ns", "name")

        assert (await fleet.survey(["jobs"])).busy == ("jobs",)


def test_a_worker_goes_on_after_a_failover(pair: Pair, start_worker: Callable[..., object]) -> None:
    """It waits in a blocking claim at the old primary when that is demoted."""
    start_worker(redis=pair.proxy.address)
    with JobClient(pair.proxy.address) as client:
        client.result(client.submit("before"))
        pair.fail_over()
        pair.move_address()
    with JobClient(pair.proxy.address) as client:
        job = client.result(client.submit("after"))

    assert job.result == "after"
