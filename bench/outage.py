"""Row 14: an engine that answers 503 for a minute, without `Retry-After`, while jobs wait.

The engine is the tests' chaos engine without its troubles: it records who asked when.
"""

import asyncio
import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measured import OURS, Measured
from bench.places import PRODUCT
from bench.servers import clean_environment
from bench.waiting import until
from greenscale_jobs import Item, JobClient, JobQueue, RedisAddress
from greenscale_testing.chaos_kinds import prompt_of
from greenscale_testing.chaos_ledger import Call, Outage, calls_of, outages_of
from greenscale_testing.chaos_process import EngineProcess, chaos_engine

OUTAGE_SECONDS, FIRST_SECONDS, PROBE_SECONDS = 60.0, 1.0, 5.0
CASES = [(jobs, workers) for jobs in (40, 10_000) for workers in (1, 4)]
CONCURRENCY, ANSWER_SECONDS = 8, 0.1
"""Of one worker; jobs of the kind `quiet` take that long."""

WARM_SECONDS = 3.0
"""How long the workers are busy before the outage; as many calls as run at once then are the former limit."""

PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Case:
    """The figures of one outage."""

    dead: int
    found_out_by: int
    """Calls in a worker's first second of it, of the one that made the most: what was in its hand together."""
    calls_per_probe_time: float
    """Calls in 5 s of what follows, of the worker that made the most."""
    limit_again_seconds: float
    """From the engine's return until as many calls were under way at once as before, or all that were left."""


def rows(port: int, *, seconds: float = OUTAGE_SECONDS, cases: Sequence[tuple[int, int]] = CASES) -> Iterator[Measured]:
    """Measure each case; Redis is empty before."""
    for jobs, workers in cases:
        print(f"  row 14: {jobs} jobs, {workers} workers ...", file=sys.stderr, flush=True)
        case = asyncio.run(_measure(port, jobs, workers, seconds))
        which = f"{jobs} jobs, {workers} worker{'s' * (workers > 1)}"
        yield Measured(f"14 dead, {which}", OURS, case.dead, "")
        yield Measured(f"14 found out by, {which}", OURS, case.found_out_by, "")
        yield Measured(f"14 calls in 5 s, {which}", OURS, case.calls_per_probe_time, "")
        yield Measured(f"14 limit again, {which}", OURS, case.limit_again_seconds, "s")


async def _measure(port: int, jobs: int, workers: int, seconds: float) -> Case:
    client = JobClient(RedisAddress("127.0.0.1", port), f"outage-{jobs}-{workers}")
    warm = int(WARM_SECONDS / ANSWER_SECONDS) * workers * CONCURRENCY
    with TemporaryDirectory() as folder:
        async with chaos_engine(Path(folder), calm=True) as engine:
            async with JobQueue(client.address, client.keys.list_name) as queue:
                await queue.configure(max_length=warm + jobs, result_ttl_seconds=3600, paused=False)
            await asyncio.to_thread(_submit, client, 1, warm + jobs)
            async with _working(client, port, engine, workers, Path(folder)):
                await asyncio.to_thread(_wait, lambda: client.stats().work <= jobs)
                await engine.refuse("503", seconds)
                # Four workers finish 40 jobs before the engine refuses: send as many again.
                done = max(0, jobs - client.stats().work)
                await asyncio.to_thread(_submit, client, warm + jobs + 1, done)
                await asyncio.to_thread(_wait, lambda: client.stats().work + client.stats().delayed == 0)
            return judge(
                calls_of(engine.lines), outages_of(engine.lines)[0], dead=client.stats().dead, jobs=warm + jobs + done
            )


def judge(calls: Sequence[Call], outage: Outage, *, dead: int, jobs: int) -> Case:
    """Return what the engine's account of one outage says."""
    refused = [call for call in calls if outage.began_at <= call.began_at <= outage.ended_at]
    # A worker that had nothing in hand finds out with the first jobs that it claims.
    begins: dict[str, float] = {}
    for call in refused:
        begins[call.worker] = min(call.began_at, begins.get(call.worker, call.began_at))
    first = _most(call for call in refused if call.began_at < begins[call.worker] + FIRST_SECONDS)
    most = _most(call for call in refused if call.began_at >= begins[call.worker] + FIRST_SECONDS)
    per_probe_time = most * PROBE_SECONDS / (outage.seconds - FIRST_SECONDS)
    return Case(dead, first, per_probe_time, _limit_again(calls, outage, jobs) - outage.ended_at)


def _most(calls: Iterable[Call]) -> int:
    return max(Counter(call.worker for call in calls).values(), default=0)


def _limit_again(calls: Sequence[Call], outage: Outage, jobs: int) -> float:
    """Return when as many calls as before, or all that were left, were under way at once."""
    answered = [call for call in calls if call.does == "answer" and call.ended_at]
    begins, ends = [(call.began_at, 1) for call in answered], [(call.ended_at or 0.0, -1) for call in answered]
    under_way, ended, former = 0, 0, 0
    for at, step in sorted(begins + ends):
        under_way, ended = under_way + step, ended + (step < 0)
        if at < outage.began_at:
            former = max(former, under_way)
        elif at > outage.ended_at and under_way >= min(former, jobs - ended):
            return at
    return float("inf")


def _submit(client: JobClient, first_number: int, count: int) -> None:
    items = [Item(f"job-{number}", prompt_of("quiet", number)) for number in range(first_number, first_number + count)]
    for first in range(0, count, 500):
        client.submit_many(items[first : first + 500])


def _wait(holds: Callable[[], bool]) -> None:
    until(holds, seconds=PATIENCE_SECONDS, every=0.02)


@contextlib.asynccontextmanager
async def _working(
    client: JobClient, port: int, engine: EngineProcess, workers: int, folder: Path
) -> AsyncIterator[None]:
    processes = []
    for name in itertools.islice(itertools.count(1), workers):
        environment = {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(port),
            "OPENAI_BASE_URL": engine.base_url,
            "OPENAI_API_KEY": f"sk-worker-{name}",
            "GREENSCALE_QUEUE": client.keys.list_name,
            "GREENSCALE_MODEL": "chaos",
            "GREENSCALE_CONCURRENCY": str(CONCURRENCY),
        }
        with (folder / f"worker-{name}.log").open("wb") as log:
            command = [sys.executable, str(PRODUCT / "worker" / "worker.py")]
            process = await asyncio.create_subprocess_exec(
                *command, env=clean_environment() | environment, stderr=log, cwd=folder
            )
        processes.append(process)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            await process.wait()
