"""What every measurement needs beside its subjects: a Redis, and a model server that costs next to nothing."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.places import LIB, ROOT

sys.path.insert(0, str(LIB))

from greenscale_testing.local_redis import RedisServer, redis_binary


def redis_server() -> str:
    """Return the machine's own redis-server where there is one: the figures were measured on one."""
    return shutil.which("redis-server") or redis_binary()


def server_in(folder: Path, *options: str) -> RedisServer:
    """Return a private server of that kind."""
    server = RedisServer(folder, *options)
    server.binary = redis_server()
    return server


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
