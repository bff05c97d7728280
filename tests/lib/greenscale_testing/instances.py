"""Real instances of `greenscale local`, without the page."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import redis

from greenscale_cli import endpoint
from greenscale_jobs import RedisAddress

GREENSCALE = Path(sys.executable).with_name("greenscale")
START_SECONDS = 30


class Instance:
    """One `greenscale local` in a directory of its own."""

    def __init__(self, run_dir: Path, file: Path) -> None:
        self.run_dir = run_dir
        self.file = file
        self.output = run_dir.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> "Instance":
        command: list[str | Path] = [GREENSCALE, "local", self.file, "--no-page", "--run-dir", self.run_dir]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI")}
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**ours, **environment})
        deadline = time.monotonic() + START_SECONDS
        while endpoint.read(self.run_dir) is None:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def address(self) -> RedisAddress:
        running = endpoint.read(self.run_dir)
        assert running is not None
        return RedisAddress(running.redis.host, running.redis.port)

    def children(self, name: str) -> list[psutil.Process]:
        """Return the children whose command line has this in it; of one that has ended, nobody can ask."""
        found: list[psutil.Process] = []
        for child in psutil.Process(self.pid).children():
            with suppress(psutil.NoSuchProcess):
                if any(name in word for word in child.cmdline()):
                    found.append(child)
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


def samples(
    address: RedisAddress, until: Callable[[list[int]], bool], *, list_name: str = "jobs", seconds: float = 60
) -> list[int]:
    """Return the replicas of all samples so far and to come, up to the one that fulfils `until`."""
    replicas: list[int] = []
    after, deadline = "0", time.monotonic() + seconds
    with redis.Redis(port=address.port) as client:
        while time.monotonic() < deadline:
            for _, entries in client.xread({f"{list_name}:history": after}, block=1000) or []:
                for after, fields in entries:  # noqa: B007
                    replicas.append(int(fields[b"replicas"]))
                    if until(replicas):
                        return replicas
    raise AssertionError(f"the replicas were {replicas}")


Make = Callable[..., Instance]
