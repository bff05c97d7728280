"""The chaos soak: an engine that fails in every way, workers and Redis that are killed, and the verdict."""

import asyncio
import contextlib
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from greenscale_jobs import JobQueue
from greenscale_testing.chaos_engine import LONG_OUTAGES, OUTAGES
from greenscale_testing.chaos_ledger import calls_of, outages_of
from greenscale_testing.chaos_load import ChaosLoad
from greenscale_testing.chaos_process import EngineProcess, chaos_engine
from greenscale_testing.chaos_troubles import MAX_ATTEMPTS
from greenscale_testing.chaos_verdict import Verdict, judge
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.soak_chaos import Chaos

CONCURRENCY, LEASE_SECONDS, MAX_ANSWER_BYTES, RESULT_TTL_SECONDS = 8, 3, 65_536, 300

KEEPING_SECONDS = 2.0
"""At the end good jobs are submitted this often: a doubtful one is refused for good only where others are done."""

SETTINGS = {
    "GREENSCALE_MODEL": "chaos",
    "GREENSCALE_CONCURRENCY": str(CONCURRENCY),
    "GREENSCALE_LEASE_SECONDS": str(LEASE_SECONDS),
    "GREENSCALE_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    "GREENSCALE_MAX_TOKENS": "100000",
    "GREENSCALE_JOB_TIMEOUT_SECONDS": "30",
    "GREENSCALE_BACKOFF_INITIAL_SECONDS": "0.1",
    "GREENSCALE_BACKOFF_MAX_SECONDS": "1",
    "GREENSCALE_GRACE_SECONDS": "1",
    "GREENSCALE_RESULT_TTL_SECONDS": str(RESULT_TTL_SECONDS),
}


class ChaosSoak:
    """One run; what it found is in `verdict` and `peak_mb`."""

    def __init__(
        self, queue: JobQueue, engine: EngineProcess, chaos: Chaos, *, seed: int, max_losses: int, is_long: bool
    ) -> None:
        self.engine, self.chaos = engine, chaos
        self._outages = LONG_OUTAGES if is_long else OUTAGES
        self._max_losses = max_losses
        self.load = ChaosLoad(queue, seed=seed)
        self.peak_mb = 0.0
        """The most that any worker took."""
        self._random = random.Random(seed)  # noqa: S311 - outages are no secret

    @property
    def verdict(self) -> Verdict:
        """What is wrong, and where the calls went."""
        return judge(
            self.load.jobs,
            self.load.ended,
            calls_of(self.engine.lines),
            outages_of(self.engine.lines),
            {name: [at] for name, at in self.chaos.ended_at.items()},
            concurrency=CONCURRENCY,
            max_losses=self._max_losses,
        )

    async def run(
        self, seconds: float, *, per_second: float, fault_every: float, outage_every: float, finish_seconds: float
    ) -> None:
        """Load for so long, and let everything end."""
        await self.chaos.begin()
        until = asyncio.get_running_loop().time() + seconds
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.load.run(until, per_second=per_second))
                group.create_task(self.chaos.run(until, every_seconds=fault_every))
                group.create_task(self._refuse(until, every_seconds=outage_every))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(finish_seconds):
                    await self._finish()
            await self.load.look_at_missing()
        finally:
            watching.cancel()

    async def _refuse(self, until: float, *, every_seconds: float) -> None:
        """Have each kind of outage once, then as drawn."""
        drawn = (self._random.choice(self._outages) for _ in itertools.count())
        for name in itertools.chain(self._random.sample(self._outages, len(self._outages)), drawn):
            await asyncio.sleep(every_seconds * self._random.uniform(0.5, 1.5))
            if asyncio.get_running_loop().time() >= until:
                return
            await self.engine.refuse(name, self._random.uniform(0.5, 2))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self.load.note_ended()
            for worker in list(self.chaos.workers.values()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.peak_mb = max(self.peak_mb, psutil.Process(worker.pid).memory_info().rss / 2**20)

    async def _finish(self) -> None:
        clock = asyncio.get_running_loop().time
        kept_at = clock()
        while self.load.missing:
            await asyncio.sleep(0.2)
            if clock() - kept_at > KEEPING_SECONDS and any(
                self.load.jobs[number] not in {"plain", "slow"} for number in self.load.missing
            ):
                kept_at = clock()
                for _ in list(self.chaos.workers):
                    await self.load.submit("plain")


def chaos_table(title: str, soak: ChaosSoak, verdict: Verdict) -> str:
    """Return what happened, in lines."""
    calls = calls_of(soak.engine.lines)
    parts = {
        "submitted": Counter(soak.load.jobs.values()),
        "done to the processes": soak.chaos.done,
        "outages": Counter(outage.name for outage in outages_of(soak.engine.lines)),
        "single calls met": Counter(
            call.does.removeprefix("trouble ") for call in calls if call.does.startswith("trouble")
        ),
        "calls": verdict.calls,
        "wrong": {
            "jobs lost": len(verdict.lost),
            "dead that should be done, or of a wrong reason": len(verdict.dead),
            "done that should be dead": len(verdict.done),
            "texts that differ": len(verdict.texts),
            "asked too often": len(verdict.asked),
        },
    }
    lines = [title]
    for heading, counts in parts.items():
        lines += ["", heading, *(f"  {what:52}{number:>9}" for what, number in sorted(counts.items()))]
    lines += ["", f"{'calls for each that was needed (at most 1.20)':54}{verdict.waste:>9.2f}"]
    lines += [f"{'the most memory of any worker, MB':54}{soak.peak_mb:>9.0f}"]
    wrong = [*verdict.lost, *verdict.dead, *verdict.done, *verdict.texts, *verdict.asked]
    return "\n".join([*lines, *([""] if wrong else []), *wrong]) + "\n"


@contextlib.asynccontextmanager
async def chaos_soaking(
    server: RedisServer, folder: Path, *, seed: int, max_losses: int, is_long: bool
) -> AsyncIterator[ChaosSoak]:
    """Give a chaos soak on a Redis that runs; engine and workers are gone at the end.

    `is_long`: there is time for calls that only the jobs' time limit ends.
    """
    deadly: set[asyncio.Task[None]] = set()
    address = server.address
    bounds = {"giveUpAfterSeconds": 3600, "maxLosses": max_losses, "maxAnswerBytes": MAX_ANSWER_BYTES}

    def environment_of(name: str) -> dict[str, str]:
        where = {"REDIS_HOST": address.host, "REDIS_PORT": str(address.port), "OPENAI_BASE_URL": engine.base_url}
        # Every third asks whether the engine is ready, as one in a pod with its model server does.
        served = name.endswith(("0", "3", "6", "9"))
        kind = {"GREENSCALE_ENGINE": "Server", "GREENSCALE_SERVER_READY_URL": engine.ready_url}
        key = {"OPENAI_API_KEY": f"sk-{name}", "WORKER_SETTINGS": json.dumps(bounds)}
        return {**SETTINGS, **where, **key, **(kind if served else {})}

    def kill(name: str) -> None:
        if name in chaos.workers:
            deadly.add(asyncio.create_task(chaos.replace(name, hard=True)))

    chaos = Chaos(server, folder, environment_of, seed=seed)
    async with JobQueue(address) as queue, chaos_engine(folder, seed=seed, on_kill=kill) as engine:
        try:
            yield ChaosSoak(queue, engine, chaos, seed=seed, max_losses=max_losses, is_long=is_long)
        finally:
            await asyncio.gather(*deadly, return_exceptions=True)
            await chaos.kill_all()
