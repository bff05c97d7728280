"""The way in: TLS with certificates of one's own, and a password that changes while one works."""

import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from greenscale_jobs import JobClient, JobQueue, QueueUnavailable, RedisAddress
from greenscale_jobs.connection import address as address_module
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.tls import Authority, TlsFront


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture
def tls(address: RedisAddress, authority: Authority) -> Iterator[RedisAddress]:
    """The address of a Redis behind TLS, with the certificate that vouches for it."""
    with TlsFront(address.port, authority.vouch()) as front:
        yield replace(address, port=front.port, tls=True, ca=authority.certificate)


async def test_an_own_authority_is_enough(tls: RedisAddress) -> None:
    with JobClient(tls) as client:
        job_id = client.submit("hi")
    async with JobQueue(tls) as queue:
        claims = await queue.claim_when_there("w", 1, seconds=1) or []

    assert [claim.id for claim in claims] == [job_id]


async def test_a_certificate_that_proves_nothing_is_refused(
    tls: RedisAddress, address: RedisAddress, authority: Authority, stranger: Authority
) -> None:
    await _refused(replace(tls, ca=stranger.certificate), "certificate verify failed")
    await _refused(replace(tls, ca=None), "certificate verify failed")
    for context, why in (
        (authority.vouch(days=0), "certificate has expired"),
        (authority.vouch(ip="127.0.0.2"), "IP address mismatch"),
    ):
        with TlsFront(address.port, context) as front:
            await _refused(replace(tls, port=front.port), why)


async def _refused(address: RedisAddress, why: str) -> None:
    said = rf"^TLS with Redis at {address} fails \(.*{why}.*\)\. REDIS_CA must hold"
    async with JobQueue(address) as queue:
        with pytest.raises(QueueUnavailable, match=said):
            await queue.submit("hi")
    with JobClient(address) as client, pytest.raises(QueueUnavailable, match=said):
        client.submit("hi")


@pytest.mark.parametrize("side", ["ours", "theirs"])
async def test_tls_on_one_side_only_ends_in_bounded_time(
    tls: RedisAddress, address: RedisAddress, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """Neither side can tell: each waits for the other to begin, or hangs up."""
    monkeypatch.setattr(address_module, "COMMAND_TIMEOUT_SECONDS", 0.3)
    wrong = replace(address, tls=True) if side == "ours" else replace(tls, tls=False)
    async with JobQueue(wrong) as queue:
        with pytest.raises(QueueUnavailable, match="does not answer"):
            await queue.submit("hi")
    with JobClient(wrong) as client, pytest.raises(QueueUnavailable, match="does not answer"):
        client.submit("hi")


def test_a_worker_outlives_a_change_of_the_password(
    own_redis: RedisServer, start_worker: Callable[..., object], worker_log: Callable[[], str]
) -> None:
    """Whoever holds a job when the password changes still tells its result once the password is known again."""
    own_redis.start()
    own_redis.say("CONFIG", "SET", "requirepass", "first-word")
    address = replace(own_redis.address, password="first-word")
    start_worker(redis=address, REDIS_PASSWORD="first-word")
    with JobClient(address) as client:
        job_id = client.submit(" ".join("word" for _ in range(30)))
        assert client.next_events(job_id, wait_seconds=5)
        admin = client._redis  # noqa: SLF001 - its open connection is not asked again
        admin.config_set("requirepass", "other-word")
        admin.client_kill_filter(_type="normal", skipme=True)
        with JobClient(own_redis.address) as stranger, pytest.raises(QueueUnavailable, match="REDIS_PASSWORD"):
            stranger.stats()
        while "refuses us" not in worker_log():
            time.sleep(0.01)
        admin.config_set("requirepass", "first-word")

        job = client.result(job_id)
    assert (job.attempts, job.error) == (1, None)
    assert "other-word" not in worker_log()
