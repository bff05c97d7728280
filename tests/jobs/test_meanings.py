"""What Redis says when it does not do what was asked, as a sentence with the remedy."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from greenscale_jobs import (
    Finished,
    JobClient,
    JobQueue,
    JobRefusedByRedis,
    JobState,
    Outcome,
    QueueError,
    QueueUnavailable,
    RedisAddress,
)
from greenscale_jobs.connection import address as address_module
from greenscale_jobs.errors import translate
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.tls import Authority, TlsFront

IN_A_SCRIPT = (
    "Error running script (call to f_4b2c9f06805e946cc9dd51db67f4de8c0836c5fb): @user_script:85: @user_script: 85: "
)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        pytest.param(
            "-MISCONF Redis is configured to save RDB snapshots, but", "cannot write its data to disk", id="disk"
        ),
        pytest.param(
            "-MISCONF Errors writing to the AOF file: No space left", "cannot write its data to disk", id="AOF"
        ),
        pytest.param("-NOREPLICAS Not enough good replicas to write.", "min-replicas-to-write", id="replicas"),
        pytest.param("-READONLY You can't write against a read only replica.", "is a replica: point", id="replica"),
        pytest.param("-OOM command not allowed when used memory > 'maxmemory'.", "Raise maxmemory", id="memory"),
        pytest.param("-CLUSTERDOWN Hash slot not served", "Redis Cluster, which is not supported", id="cluster"),
        pytest.param("-NOPERM this user has no permissions to run", "Grant its user that right", id="rights"),
    ],
)
def test_each_refusal_in_a_script_has_a_sentence_of_its_own(said: str, meaning: str) -> None:
    """Redis 6.2 puts a prefix before it that left no room for the reason; newer ones put the place behind it."""
    older = translate(redis.ResponseError(IN_A_SCRIPT + said), "r:1")
    newer = translate(redis.ResponseError(f"{said[1:]} script: {'0a' * 20}, on @user_script:85."), "r:1")

    for error in (older, newer):
        assert isinstance(error, QueueUnavailable)
        assert meaning in str(error)
        assert "script" not in str(error)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        pytest.param(redis.ResponseError("BUSY Redis is busy running a script."), "SCRIPT KILL", id="BUSY"),
        pytest.param(redis.BusyLoadingError("Redis is loading the dataset in memory"), "still loading", id="LOADING"),
        pytest.param(redis.ResponseError("LOADING Redis is loading"), "still loading", id="LOADING in a script"),
        pytest.param(redis.ConnectionError("max number of clients reached"), "Raise its maxclients", id="clients"),
        pytest.param(
            redis.ResponseError("DENIED Redis is running in protected mode"), "is in protected mode", id="DENIED"
        ),
        pytest.param(redis.ResponseError("NOAUTH Authentication required."), "asks for a password", id="NOAUTH"),
        pytest.param(
            redis.ResponseError("WRONGPASS invalid username-password pair"), "Set REDIS_PASSWORD", id="WRONGPASS"
        ),
        pytest.param(
            redis.AuthenticationError("AUTH <password> called without any password configured for the default user"),
            "has no password: leave REDIS_PASSWORD empty",
            id="a password too much",
        ),
        pytest.param(redis.ResponseError("DB index is out of range"), "REDIS_DB must be below", id="database"),
        pytest.param(
            redis.exceptions.InvalidResponse("Protocol Error: b'HTTP'"), "does not speak Redis'", id="protocol"
        ),
        pytest.param(redis.ResponseError("Protocol error, got 'H' as reply type"), "is REDIS_TLS true", id="another"),
    ],
)
def test_each_refusal_names_its_remedy(error: Exception, meaning: str) -> None:
    translated = translate(error, "r:1")

    assert isinstance(translated, QueueUnavailable)
    assert meaning in str(translated)


@pytest.mark.parametrize(
    "said",
    [
        "string exceeds maximum allowed size (proto-max-bulk-len)",
        "string exceeds maximum allowed size (512MB)",
        "Protocol error: invalid bulk length",
        "Protocol error: invalid multibulk length",
        f"{IN_A_SCRIPT}ERR string exceeds maximum allowed size (proto-max-bulk-len)",
    ],
)
def test_what_redis_refuses_for_one_jobs_size_is_no_outage(said: str) -> None:
    error = translate(redis.ResponseError(said), "r:1")

    assert isinstance(error, JobRefusedByRedis)
    assert not isinstance(error, QueueUnavailable)
    assert "proto-max-bulk-len" in str(error)


@pytest.mark.parametrize("size", [1_100_000, 3_000_000, 8_000_000])
async def test_an_answer_that_redis_takes_for_too_large_is_that_jobs_fault(own_redis: RedisServer, size: int) -> None:
    """Redis hangs up while the answer is on its way: taken for an outage, it would be sent again for ever."""
    own_redis.start()
    own_redis.say("CONFIG", "SET", "proto-max-bulk-len", 1024 * 1024)
    async with JobQueue(own_redis.address) as queue:
        job_id = await queue.submit("hi")
        await queue.submit("another")
        (claim, other) = await queue.claim("w", 2) or []
        with pytest.raises(JobRefusedByRedis, match="proto-max-bulk-len"):
            await queue.finish([Finished(claim, "x" * size, Outcome())])
        await queue.bury(claim, "AnswerTooLarge", "Redis takes no value of that size")

        assert (await queue.job(job_id)).state is JobState.DEAD
        assert await queue.finish([Finished(other, "x" * 1000, Outcome())]) == [True]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_prompt_that_redis_takes_for_too_large_is_that_prompts_fault(
    own_redis: RedisServer, tmp_path: Path, *, tls: bool
) -> None:
    own_redis.start()
    own_redis.say("CONFIG", "SET", "proto-max-bulk-len", 1024 * 1024)
    authority = Authority.make(tmp_path / "tls")
    with TlsFront(own_redis.address.port, authority.vouch()) as front:
        behind = replace(own_redis.address, port=front.port, tls=True, ca=authority.certificate)
        with JobClient(behind if tls else own_redis.address) as client:
            with pytest.raises(QueueError) as caught:
                client.submit("\x01" * 1_000_000)  # JSON writes each in six bytes
            assert client.submit("hi")

    # A front that closes both ways may lose what Redis said last.
    assert tls or isinstance(caught.value, JobRefusedByRedis)


def refused(address: RedisAddress) -> list[str]:
    """Return what a blocking and an asyncio client say when they submit a job."""

    async def asyncio_client() -> None:
        async with JobQueue(address) as queue:
            await queue.submit("hi")

    def blocking_client() -> None:
        with JobClient(address) as client:
            client.submit("hi")

    said = []
    for submit in (blocking_client, lambda: asyncio.run(asyncio_client())):
        with pytest.raises(QueueError) as caught:
            submit()
        said.append(str(caught.value))
    return said


def reports(text: str, meaning: str) -> bool:
    """Return whether a text names the reason, or that the connection was closed if redis-py could lose the reason.

    Before version 8 redis-py writes twice before it reads: to a connection that Redis has closed, after it said why.
    """
    return meaning in text or (redis.VERSION[0] < 8 and "before its first answer" in text)


Spoil = Callable[[redis.Redis, Path], None]


def _full_disk(plain: redis.Redis, folder: Path) -> None:
    plain.config_set("save", "3600 1")
    (folder / "gone").rmdir()
    plain.bgsave()
    while plain.info("persistence")["rdb_last_bgsave_status"] != "err":
        pass


def _no_replicas(plain: redis.Redis, _: Path) -> None:
    plain.config_set("min-replicas-to-write", "1")


def _lost_primary(plain: redis.Redis, _: Path) -> None:
    plain.config_set("replica-serve-stale-data", "no")
    plain.replicaof("127.0.0.1", "1")


def _no_room(plain: redis.Redis, _: Path) -> None:
    plain.config_set("maxclients", "1")


@pytest.mark.parametrize(
    ("spoil", "meaning"),
    [
        pytest.param(_full_disk, "cannot write its data to disk", id="its disk is gone"),
        pytest.param(_no_replicas, "min-replicas-to-write", id="replicas are missing"),
        pytest.param(_lost_primary, "is a replica that has lost its primary", id="its primary is gone"),
        pytest.param(_no_room, "Raise its maxclients", id="it has too many clients"),
    ],
)
def test_a_real_redis_in_trouble_is_reported_in_a_sentence(
    own_redis: RedisServer, tmp_path: Path, spoil: Spoil, meaning: str
) -> None:
    (tmp_path / "gone").mkdir()
    own_redis.options = ("--dir", str(tmp_path / "gone"))
    own_redis.start()
    try:
        with redis.Redis(port=own_redis.address.port) as plain:
            spoil(plain, tmp_path)
            said = refused(own_redis.address)
    finally:
        own_redis.stop(kill=True)

    assert all(reports(text, meaning) for text in said), said


def test_a_redis_that_is_busy_with_a_script_is_reported(own_redis: RedisServer) -> None:
    own_redis.start()
    own_redis.say("CONFIG", "SET", "lua-time-limit", "1")

    def run() -> None:
        with redis.Redis(port=own_redis.address.port, socket_timeout=30) as plain, pytest.raises(redis.ResponseError):
            plain.eval("while true do end", 0)

    endless = threading.Thread(target=run)
    endless.start()
    said: list[str] = []
    with redis.Redis(port=own_redis.address.port) as plain:
        while True:
            try:
                plain.ping()
            except redis.ResponseError:
                break
        said = refused(own_redis.address)
        plain.execute_command("SCRIPT", "KILL")
    endless.join()

    assert all("is busy with a script of another client" in text for text in said), said


class Answering:
    """A server that answers each connection with these bytes and closes it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        serving = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = serving.result(10)
        self.address = RedisAddress("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(self._answer)
        await writer.drain()
        writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], RedisAddress]]:
    servers: list[Answering] = []

    def start(answer: bytes) -> RedisAddress:
        servers.append(Answering(answer))
        return servers[-1].address

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", "is REDIS_TLS true", id="an alert of TLS"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Redis' protocol", id="HTTP"),
        pytest.param(
            b"-DENIED Redis is running in protected mode\r\n" * 3, "is in protected mode", id="protected mode"
        ),
        pytest.param(b"-ERR max number of clients reached\r\n", "Raise its maxclients", id="too many clients"),
        pytest.param(b"-LOADING Redis is loading the dataset in memory\r\n" * 4, "still loading", id="loading"),
        pytest.param(
            b"", "before its first answer: is it Redis, and if it speaks TLS, is REDIS_TLS true", id="nothing"
        ),
    ],
)
def test_what_answers_in_another_way_is_reported(
    answering: Callable[[bytes], RedisAddress], answer: bytes, meaning: str
) -> None:
    said = refused(answering(answer))

    assert all(reports(text, meaning) for text in said), said


def test_tls_that_nobody_answers_is_reported(address: RedisAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis waits for the end of what it takes for a command."""
    monkeypatch.setattr(address_module, "COMMAND_TIMEOUT_SECONDS", 0.3)
    said = refused(replace(address, tls=True))

    assert all("does it speak TLS, as REDIS_TLS says?" in text for text in said), said
