"""GreenScale and its yardstick in rows 7 to 9: how a job is sent to each, and how its result is awaited."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import redis

from bench.places import PRODUCT
from bench.servers import clean_environment
from greenscale_jobs import JobClient, RedisAddress

DONE_SECONDS = 60.0

Command = list[str | Path]


class Subject(Protocol):
    """A worker and the queue that it works on."""

    name: str

    def command(self) -> tuple[Command, dict[str, str]]:
        """Return what starts a worker: a command and environment variables."""

    def send(self) -> str:
        """Send a one-word prompt and return the job's id."""

    def wait(self, job_id: str) -> None:
        """Block until the result is stored, as a program that wants it does."""


class GreenScale:
    """Our worker with its defaults; Echo says one word at once."""

    name = "greenscale"

    def __init__(self, port: int, *, base_url: str | None = None) -> None:
        self._client = JobClient(RedisAddress("127.0.0.1", port))
        self._port = port
        self._base_url = base_url

    def command(self) -> tuple[Command, dict[str, str]]:
        """Return `python worker/worker.py`, with Echo, or with OpenAI where there is an address."""
        engine = {"GREENSCALE_ENGINE": "Echo"}
        if self._base_url:
            engine = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": self._base_url, "GREENSCALE_MODEL": "echo"}
        command: Command = [sys.executable, PRODUCT / "worker" / "worker.py"]
        return command, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self._port), **engine}

    def send(self) -> str:
        """Submit as a program does."""
        return self._client.submit("hello")

    def wait(self, job_id: str) -> None:
        """Follow the job's events to the last."""
        kinds = [event.type for event in self._client.events(job_id)]
        assert kinds[-1] == "done", kinds


class Floor:
    """`floor.py`, or `bare_openai.py` where there is an address."""

    name = "yardstick"

    def __init__(self, port: int, *, base_url: str | None = None) -> None:
        self._plain = redis.Redis(port=port)
        self._port = port
        self._base_url = base_url

    def command(self) -> tuple[Command, dict[str, str]]:
        """Return the script and its arguments."""
        here = Path(__file__).parent
        if self._base_url:
            return [sys.executable, here / "bare_openai.py", str(self._port), self._base_url], {}
        return [sys.executable, here / "floor.py", str(self._port)], {}

    def send(self) -> str:
        """Push as a program would."""
        job_id = uuid.uuid4().hex
        self._plain.lpush("floor", json.dumps({"id": job_id, "prompt": "hello"}))
        return job_id

    def wait(self, job_id: str) -> None:
        """Pop the result."""
        assert self._plain.brpop([f"floor:result:{job_id}"], timeout=DONE_SECONDS)


@contextmanager
def running(subject: Subject) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker and end it."""
    process = start(subject)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def start(subject: Subject) -> subprocess.Popen[bytes]:
    """Start a worker with a clean environment."""
    command, environment = subject.command()
    return subprocess.Popen(
        command, env=clean_environment() | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
