"""Real worker processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenscale_jobs import RedisAddress

Start = Callable[..., "subprocess.Popen[str]"]

ENTRY = Path(__file__).parents[2] / "worker" / "worker.py"


@pytest.fixture
def start_worker(address: RedisAddress, tmp_path: Path) -> Iterator[Start]:
    """Start the brief's `python worker/worker.py` with more environment; its log is in `.log`."""
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
