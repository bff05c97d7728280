"""Which server `greenscale local` starts: the one it brings, whatever else is on this machine."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from greenscale_cli.local.errors import LocalModeError
from greenscale_cli.local.private_redis import bundled_server, redis_servers, start_redis
from greenscale_jobs import RedisAddress
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

FOREIGN = b"REDIS0012\xff" + bytes(8)
"""How a file of Redis 7.4 begins: Valkey 9 refuses it."""


@pytest.fixture
def address() -> RedisAddress:
    return RedisAddress("127.0.0.1", free_port())


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH; it is empty."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
async def foreign_run_dir(tmp_path: Path) -> AsyncIterator[Path]:
    """A run directory whose append-only file was written by Redis 7.4 or 8."""
    files = tmp_path / "redis" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.1.base.rdb").write_bytes(FOREIGN)
    (files / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    yield tmp_path
    shutil.rmtree(files)


def script(file: Path, *lines: str) -> None:
    file.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    file.chmod(0o755)


@pytest.mark.usefixtures("path")
async def test_a_machine_without_a_redis_server_has_the_bundled_one(tmp_path: Path, address: RedisAddress) -> None:
    child = await start_redis(tmp_path, address)
    with redis.Redis(port=address.port) as plain:
        found = plain.info("server")
    await child.end(within_seconds=10)

    assert redis_servers() == [bundled_server()]
    assert tuple(map(int, found["valkey_version"].split("."))) >= (9, 1)


async def test_the_bundled_server_goes_before_an_older_one(path: Path, tmp_path: Path, address: RedisAddress) -> None:
    """Ubuntu 20.04 has Redis 5, which cannot keep a queue."""
    script(path / "redis-server", f"touch {tmp_path}/run")
    child = await start_redis(tmp_path, address)
    await child.end(within_seconds=10)

    assert redis_servers() == [bundled_server(), str(path / "redis-server")]
    assert not (tmp_path / "run").exists()


async def test_a_file_that_the_bundled_server_cannot_read_is_read_by_the_next(
    path: Path, foreign_run_dir: Path, address: RedisAddress
) -> None:
    script(
        path / "redis-server",
        f'[ "$1" = --version ] && echo "v=8.0.2" || exec {bundled_server()} --port $2 --dir $6 --save ""',
    )
    child = await start_redis(foreign_run_dir, address)
    with redis.Redis(port=address.port) as plain:
        assert plain.ping()
    await child.end(within_seconds=10)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param("echo v=6.2.14", "redis-server is older than what wrote ", id="too old to see it"),
        pytest.param('echo "v=7.0.15 cannot read it"; exit 1', "v=7.0.15 cannot read it", id="cannot read it either"),
    ],
)
async def test_jobs_that_no_server_can_read_stop_the_start_and_each_server_says_why(
    path: Path, foreign_run_dir: Path, address: RedisAddress, line: str, fault: str
) -> None:
    script(path / "redis-server", line)
    with pytest.raises(LocalModeError, match=r"valkey-server did not start: .*put that one on the PATH") as raised:
        await start_redis(foreign_run_dir, address)

    assert fault in str(raised.value)


async def test_a_server_that_cannot_be_run_is_named(path: Path, foreign_run_dir: Path, address: RedisAddress) -> None:
    """One for another processor, say."""
    (path / "redis-server").write_bytes(b"\x7fELF")
    (path / "redis-server").chmod(0o755)
    with pytest.raises(LocalModeError, match=r"redis-server did not start: Exec format error"):
        await start_redis(foreign_run_dir, address)


async def test_a_redis_that_another_program_started_there_meanwhile_is_not_taken_for_ours(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    """Two of `greenscale local` may find the same port free."""
    own_redis.start()
    with pytest.raises(LocalModeError, match=rf"another program's Redis took {own_redis.address}: start again"):
        await start_redis(tmp_path / "run", own_redis.address)
