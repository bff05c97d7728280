"""What is measured: idle latency, start to first job, memory and idling."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import psutil
import redis

from bench.counters import redis_commands
from bench.measured import YARDSTICK, Measured
from bench.servers import empty
from bench.subjects import Floor, GreenScale, Subject, running, start

LATENCY_SAMPLES = 1000
STARTS = 5
LOAD_JOBS = 5000
IDLE_SECONDS, START_SECONDS = 30.0, 2.0


def measure(wanted: set[str], port: int, prompt_url: str, *, alone: bool = False) -> Iterator[Measured]:
    """Measure rows 7 to 9, those that are wanted; `alone` is without the yardstick."""
    parts: list[tuple[str, Callable[[], Iterator[Measured]]]] = [
        ("7", partial(latency, port, alone=alone)),
        ("8", partial(starts, port, prompt_url, alone=alone)),
        ("9", partial(memory, port, alone=alone)),
        ("9", partial(idling, port, alone=alone)),
    ]
    for row, part in parts:
        if row in wanted:
            empty(port)
            print(f"  row {row} ...", file=sys.stderr, flush=True)
            yield from part()


def latency(port: int, *, alone: bool = False) -> Iterator[Measured]:
    """Send one job at a time to an idle worker: to both by turns, so that both have the same noise."""
    subjects: list[Subject] = [GreenScale(port), *([] if alone else [Floor(port)])]
    with ExitStack() as stack:
        for subject in subjects:
            stack.enter_context(running(subject))
        taken: dict[str, list[float]] = {subject.name: [] for subject in subjects}
        for _ in range(LATENCY_SAMPLES + 20):
            for subject in subjects:
                taken[subject.name].append(_one_job(subject))
    for name, all_seconds in taken.items():
        cuts = quantiles(all_seconds[20:], n=100)  # the first ones warm up
        yield Measured("7 idle latency p50", name, 1000 * cuts[49], "ms")
        yield Measured("7 idle latency p99", name, 1000 * cuts[98], "ms")


def starts(port: int, base_url: str, *, alone: bool = False) -> Iterator[Measured]:
    """Start a worker for a waiting job; measured from the start of its process to the stored result."""
    pairs: list[tuple[str, list[Subject]]] = [
        ("8 start to first Echo job", [GreenScale(port), Floor(port)]),
        ("8 start to first OpenAI job", [GreenScale(port, base_url=base_url), Floor(port, base_url=base_url)]),
    ]
    for row, subjects in pairs:
        taken: dict[str, list[float]] = {subject.name: [] for subject in subjects}
        for _ in range(STARTS):
            for subject in subjects[: 1 if alone else None]:
                job_id = subject.send()
                since = time.perf_counter()
                process = start(subject)
                subject.wait(job_id)
                taken[subject.name].append(time.perf_counter() - since)
                process.kill()
                process.wait()
        for name, all_seconds in taken.items():
            if all_seconds:
                yield Measured(row, name, median(all_seconds), "s")


def memory(port: int, *, alone: bool = False) -> Iterator[Measured]:
    """Give each worker a load, and read its memory afterwards."""
    for subject in (GreenScale(port), *(() if alone else (Floor(port),))):
        with running(subject) as process:
            for _ in range(LOAD_JOBS):
                last = subject.send()
            subject.wait(last)
            pss = psutil.Process(process.pid).memory_full_info().pss
        yield Measured("9 memory (PSS) after a load", subject.name, pss / 2**20, "MiB")


def idling(port: int, *, alone: bool = False) -> Iterator[Measured]:
    """Let our worker wait for a job that does not come, and then a loop that wakes as often."""
    subject = GreenScale(port)
    with running(subject) as process, redis.Redis(port=port) as plain:
        _one_job(subject)
        commands, wakes, since = redis_commands(plain), _wakes(process.pid), time.perf_counter()
        cpu = _idle_cpu(process.pid)
        seconds = time.perf_counter() - since
        # The reading itself is a command.
        yield Measured("9 idle Redis commands", subject.name, (redis_commands(plain) - commands - 1) / seconds, "/s")
        yield Measured("9 idle CPU", subject.name, cpu, "%")
        wakes = _wakes(process.pid) - wakes
    if alone:
        return
    # A ping is two of them: one waits for its reply, one for the next.
    command = [sys.executable, str(Path(__file__).parent / "idle_loop.py"), str(port), str(2 * seconds / wakes)]
    with subprocess.Popen(command) as loop:
        time.sleep(START_SECONDS)
        yield Measured("9 idle CPU", YARDSTICK, _idle_cpu(loop.pid), "%")
        loop.kill()


def _idle_cpu(process_id: int) -> float:
    """Return the CPU that a process takes while it is left alone, in percent of a core."""
    cpu, since = _run_seconds(process_id), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    return 100 * (_run_seconds(process_id) - cpu) / (time.perf_counter() - since)


def _run_seconds(process_id: int) -> float:
    """Return for how long all threads of a process have run: to the nanosecond, where its CPU times count in 10 ms."""
    tasks = Path(f"/proc/{process_id}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _wakes(process_id: int) -> int:
    """Return how often a process has waited, in all its threads, as the kernel counts it."""
    tasks = Path(f"/proc/{process_id}/task").glob("*/status")
    return sum(
        int(line.split()[1]) for task in tasks for line in task.read_text().splitlines() if line.startswith("voluntary")
    )


def _one_job(subject: Subject) -> float:
    since = time.perf_counter()
    subject.wait(subject.send())
    return time.perf_counter() - since
