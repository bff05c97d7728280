"""What every measurement needs beside its subjects: a Redis, and a model server that costs next to nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from bench.places import ROOT
from greenscale_testing.local_redis import RedisServer, redis_binary


def redis_server() -> str:
    """Return the machine's own redis-server where there is one: the figures were measured on one."""
    return shutil.which("redis-server") or redis_binary()


def server_in(folder: Path, *options: str) -> RedisServer:
    """Return a private server of that binary, not started."""
    server = RedisServer(folder, *options)
    server.binary = redis_server()
    return server


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Run a private server that keeps nothing afterwards."""
    with TemporaryDirectory() as folder:
        server = server_in(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def empty(port: int) -> None:
    """Delete all that a Redis holds."""
    with redis.Redis(port=port) as plain:
        plain.flushall()


def redis_version(port: int) -> str:
    """Return the version of a running Redis."""
    with redis.Redis(port=port) as plain:
        return str(plain.info("server")["redis_version"])


def clean_environment() -> dict[str, str]:
    """Return the environment without what a worker of GreenScale or of a peer would read."""
    read = ("OPENAI", "GREENSCALE", "REDIS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(read)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


@contextmanager
def engine_of(milliseconds: int) -> Iterator[str]:
    """Run `bench.engine` with this delay; gives its address."""
    command = [sys.executable, "-m", "bench.engine", str(milliseconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
