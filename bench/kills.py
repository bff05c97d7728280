"""What `kill -9` does: how long until a job starts again, and whether any is lost or runs twice at once."""

import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import redis

from bench.load import OURS, Peer, Producer, end, start_worker, worker_environment
from bench.measured import Measured
from bench.waiting import until

LONG_SECONDS = 600.0
"""How long the job takes whose worker is killed."""

PATIENCE_SECONDS = 400.0
"""The slowest peers take five minutes until a job starts again."""

KILLS = 100
WORKERS, SLOTS, SHORT_SECONDS = 4, 4, 0.5
JOBS = 1500
ATTEMPTS = 20
"""More than the three by default, after which a job that was killed each time goes to the dead."""


def begun_again(peer: Peer, port: int, folder: Path) -> Iterator[Measured]:
    """Kill the worker that has a job while another one waits; from there to the job's next beginning."""
    with ExitStack() as stack:
        environment = _environment(port, LONG_SECONDS)
        log = folder / f"{peer.name}-again-{port}.log"
        producer = stack.enter_context(Producer(peer, environment, log))
        plain = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        producer.ask("send mark 1")
        first = start_worker(peer, environment, log)
        _, started_by, _ = _start(plain, 0, 60)
        second = start_worker(peer, environment, log)
        stack.callback(end, second)
        time.sleep(3)  # it is up by then
        since = time.time()
        end(first)
        _, again_by, at = _start(plain, 1, PATIENCE_SECONDS)
        assert again_by != started_by
        yield Measured("10 kill -9, begun again after", peer.name, at - since, "s")


def many_kills(port: int, folder: Path, seed: int) -> Iterator[Measured]:
    """Kill a worker, again and again, while others work; count the jobs lost, and those taken from the living."""
    chance = random.Random(seed)  # noqa: S311
    environment = _environment(port, SHORT_SECONDS) | {
        "BENCH_CONCURRENCY": str(SLOTS),
        "GREENSCALE_MAX_ATTEMPTS": str(ATTEMPTS),
    }
    killed_at: dict[int, float] = {}
    log = folder / "many-kills.log"
    with ExitStack() as stack:
        producer = stack.enter_context(Producer(OURS, environment, log))
        plain = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        producer.ask(f"send mark {JOBS}")
        workers: list[subprocess.Popen[bytes]] = [start_worker(OURS, environment, log) for _ in range(WORKERS)]
        stack.callback(lambda: _end_all(workers))
        _start(plain, 0, 60)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.6))
            busy = {int(line.split()[1]) for line in plain.lrange("bench:starts", 0, -1)}
            victim = chance.choice([worker for worker in workers if worker.pid in busy] or workers)
            workers.remove(victim)
            end(victim)
            killed_at[victim.pid] = time.time()
            workers.append(start_worker(OURS, environment, log))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while int(producer.ask("stored")["stored"]) < JOBS and time.monotonic() < deadline:
            time.sleep(0.2)
        checked = producer.ask("check")
        starts = plain.lrange("bench:starts", 0, -1)
    yield Measured("10 kills: jobs lost", OURS.name, checked["sent"] - checked["right"], f"of {JOBS}")
    yield Measured("10 kills: begun twice by the living", OURS.name, _at_once(starts, killed_at), f"of {len(starts)}")


def _at_once(starts: list[str], killed_at: dict[int, float]) -> int:
    """Count beginnings of a job while the worker that had begun it before was alive."""
    of_job: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in starts:
        word, process_id, at = line.split()
        of_job[word].append((float(at), int(process_id)))
    return sum(
        killed_at.get(process_id, float("inf")) > at
        for begun in map(sorted, of_job.values())
        for (_, process_id), (at, _) in pairwise(begun)
    )


def _start(plain: "redis.Redis", number: int, seconds: float) -> tuple[str, int, float]:
    """Wait for the beginning of that number, from 0; returns the job's word, the process and the time."""
    until(lambda: plain.llen("bench:starts") > number, seconds=seconds, every=0.02)
    word, process_id, at = str(plain.lindex("bench:starts", number)).split()
    return word, int(process_id), float(at)


def _end_all(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        end(worker)


def _environment(port: int, mark_seconds: float) -> dict[str, str]:
    return worker_environment() | {
        "BENCH_REDIS_PORT": str(port),
        "BENCH_CONCURRENCY": "10",
        "BENCH_KIND": "mark",
        "BENCH_MARK_SECONDS": f"{mark_seconds:g}",
    }
