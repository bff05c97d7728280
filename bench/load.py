"""How fast a subject works off a queue of jobs, and what that costs: measured the same way for all.

The queue is filled first, then a worker is started. Measured is what happens from the first tenth of the jobs to the
last: the worker's start and its warm-up do not count.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import IO, Any, Self

import redis

from bench.counters import cpu_seconds, redis_commands, redis_cpu_seconds
from bench.places import PRODUCT, ROOT, python_path
from bench.servers import clean_environment
from bench.venvs import python_of, script_of

CHECK_SECONDS = 0.05
WARM_SHARE = 0.1
STUCK_SECONDS = 60.0
"""A worker that stores nothing for that long has failed."""

FAILURES = ("Traceback", "failed", "lost job=")
"""What a worker's log has only if something went wrong."""


@dataclass(frozen=True)
class Peer:
    """A subject: the module that is its worker and its producer, and the Python that runs it."""

    name: str
    module: str
    jobs: dict[str, int]
    """Kind of job -> how many of them take some seconds."""
    locked: bool = True
    """Whether it has an environment of its own."""
    node: bool = False
    """Whether Node runs it: then `peers/<name>/<name>.mjs` is its worker and its producer."""
    variables: dict[str, str] = field(default_factory=dict)
    needs_redis: tuple[int, ...] = (6, 2)

    @property
    def python(self) -> str:
        """The Python that runs it."""
        return str(python_of(self.name)) if self.locked else sys.executable

    def command(self, role: str) -> list[str]:
        """Return what starts its `worker` or its `producer`."""
        if self.node:
            return ["node", str(script_of(self.name)), role]
        return [self.python, "-m", "bench.app", self.module, role]

    @property
    def root(self) -> Path:
        """The checkout that it is run from."""
        return PRODUCT if self.module == "bench.ours" else ROOT


OURS = Peer("greenscale", "bench.ours", {"noop": 10000, "thin": 10000, "http": 8000, "openai": 4000}, locked=False)
FLOORS = [
    Peer(name, "bench.floors", jobs, variables={"BENCH_FLOOR": floor}, locked=False)
    for name, floor, jobs in [
        ("floor, batched", "batched", {"noop": 20000, "http": 8000}),
        ("floor, leased", "leased", {"noop": 20000, "http": 8000}),
        ("floor, one at a time", "one", {"noop": 10000}),
    ]
]
SURVIVING = [
    Peer("dramatiq", "bench.peers.dramatiq", {"noop": 6000, "http": 3000, "openai": 2000}),
    Peer("arq", "bench.peers.arq", {"noop": 4000, "http": 3000, "openai": 2000}),
    Peer("streaq", "bench.peers.streaq", {"noop": 4000, "http": 3000, "openai": 2000}, needs_redis=(7,)),
]
BULLMQ = Peer("bullmq", "", {"noop": 20000}, node=True)
OTHERS = [
    Peer("saq", "bench.peers.saq", {"noop": 6000, "http": 4000, "openai": 2000}),
    Peer("taskiq", "bench.peers.taskiq", {"noop": 5000, "http": 3000, "openai": 2000}),
    Peer("huey", "bench.peers.huey", {"noop": 5000, "http": 3000, "openai": 2000}),
    Peer("celery", "bench.peers.celery", {"noop": 3000, "http": 2000, "openai": 1500}),
    Peer("rq", "bench.peers.rq", {"noop": 150}),
]
EVERYONE = {peer.name: peer for peer in [OURS, *FLOORS, *SURVIVING, BULLMQ, *OTHERS]}


@dataclass(frozen=True)
class Load:
    """The figures of one run of one subject."""

    subject: str
    kind: str
    concurrency: int
    jobs: int
    jobs_per_second: float
    cpu_us_per_job: float
    """Of the worker and its children."""
    redis_cpu_us_per_job: float
    redis_commands_per_job: float
    """Of the worker: the jobs were sent before. Commands within scripts count."""
    lost: int
    errors: int
    contest: str = ""


def measure(peer: Peer, kind: str, *, port: int, engine_url: str, concurrency: int, folder: Path) -> Load:
    """Work off this peer's jobs of a kind; Redis is empty before."""
    environment = (
        worker_environment()
        | peer.variables
        | {
            "BENCH_REDIS_PORT": str(port),
            "BENCH_CONCURRENCY": str(concurrency),
            "BENCH_KIND": kind,
        }
    )
    if kind in {"http", "openai"}:
        environment |= {"OPENAI_BASE_URL": engine_url, "OPENAI_API_KEY": "none"}
    log = folder / f"{peer.name.replace(' ', '-')}-{kind}.log"
    log.unlink(missing_ok=True)
    log.touch()
    with Producer(peer, environment, log) as producer, redis.Redis(port=port) as plain:
        producer.ask(f"send {kind} {peer.jobs[kind]}")
        with working(peer, environment, log) as worker:
            begin, end = _watch(producer, worker, plain, peer.jobs[kind])
        checked = producer.ask("check")
    jobs = end.stored - begin.stored
    return Load(
        subject=peer.name,
        kind=kind,
        concurrency=concurrency,
        jobs=checked["sent"],
        jobs_per_second=jobs / (end.at - begin.at),
        cpu_us_per_job=1e6 * (end.cpu - begin.cpu) / jobs,
        redis_cpu_us_per_job=1e6 * (end.redis_cpu - begin.redis_cpu) / jobs,
        redis_commands_per_job=(end.redis_commands - begin.redis_commands) / jobs,
        lost=checked["sent"] - checked["right"],
        errors=sum(log.read_text(errors="replace").count(word) for word in FAILURES),
    )


@dataclass(frozen=True)
class Instant:
    """What was stored and used up to one instant; CPU in seconds."""

    stored: int
    at: float
    cpu: float
    redis_cpu: float
    redis_commands: int


def _watch(
    producer: "Producer", worker: subprocess.Popen[bytes], plain: "redis.Redis", jobs: int
) -> tuple[Instant, Instant]:
    begin, last, moved_at = None, 0, time.monotonic()
    while True:
        answer = producer.ask("stored")
        stored = int(answer["stored"])
        if stored > last:
            last, moved_at = stored, time.monotonic()
        if time.monotonic() - moved_at > STUCK_SECONDS or worker.poll() is not None:
            raise RuntimeError(f"{producer.name} stored {stored} of {jobs} results and stopped; see {producer.log}")
        if begin is None and stored >= WARM_SHARE * jobs:
            begin = _instant(stored, answer["at"], worker, plain)
        if begin is not None and stored >= jobs:
            return begin, _instant(stored, answer["at"], worker, plain)
        time.sleep(CHECK_SECONDS)


def _instant(stored: int, at: float, worker: subprocess.Popen[bytes], plain: "redis.Redis") -> Instant:
    return Instant(stored, at, cpu_seconds(worker.pid), redis_cpu_seconds(plain), redis_commands(plain))


class Producer:
    """A peer's producer, in its own process with its own Python."""

    def __init__(self, peer: Peer, environment: dict[str, str], log: Path) -> None:
        self.name, self.log = peer.name, log
        self._peer, self._environment = peer, environment

    def __enter__(self) -> Self:
        """Start it."""
        command = self._peer.command("producer")
        self._errors: IO[bytes] = self.log.with_suffix(".producer.log").open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=self._peer.root,
            env=_in(self._peer.root, self._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        return self

    def ask(self, line: str) -> dict[str, Any]:
        """Send it a line and return its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the producer of {self.name} ended; see {self._errors.name}")
        return dict(json.loads(answer))

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@contextmanager
def working(peer: Peer, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a peer's worker and end it, with all of its processes."""
    process = start_worker(peer, environment, log)
    try:
        yield process
    finally:
        end(process)


def start_worker(peer: Peer, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a peer's worker in a process group of its own; its output goes into a file."""
    command = peer.command("worker")
    with log.open("ab") as file:
        return subprocess.Popen(
            command, cwd=peer.root, env=_in(peer.root, environment), stdout=file, stderr=file, start_new_session=True
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and its children, as a node that vanishes does."""
    os.killpg(process.pid, SIGKILL)
    process.wait()


def worker_environment() -> dict[str, str]:
    """Return the environment in which `bench.app` is found."""
    return clean_environment() | {"PYTHONPATH": str(ROOT)}


def _in(root: Path, environment: dict[str, str]) -> dict[str, str]:
    return environment if root == ROOT else environment | {"PYTHONPATH": python_path(root)}
