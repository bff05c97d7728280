"""The soak's faults: workers that are killed, ended and replaced, and a Redis that is killed and restarted."""

import asyncio
import contextlib
import datetime as dt
import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from greenscale_testing.local_redis import RedisServer

ENTRY = Path(__file__).parents[3] / "worker" / "worker.py"

STEADY = "steady"
"""The worker that nothing is done to, so that its memory can be watched all the time."""

FAULTS: dict[str, int] = {
    "a worker was killed (SIGKILL)": 40,
    "a worker was ended (SIGTERM)": 40,
    "Redis was killed (SIGKILL) and started": 10,
    "Redis was ended (SIGTERM) and started": 10,
}
"""What is done: each of it once, then drawn, so often among a hundred."""


EnvironmentOf = Callable[[str], Mapping[str, str]]
"""Worker's name -> the variables that it is started with, beside those of every process."""


class Chaos:
    """Three workers, of which two never live for long, and their Redis."""

    def __init__(self, server: RedisServer, folder: Path, environment_of: EnvironmentOf, *, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.workers: dict[str, asyncio.subprocess.Process] = {}
        self._ending: set[str] = set()
        self._outages: list[tuple[float, float]] = []
        self.ended_at: dict[str, float] = {}
        """Worker -> Unix seconds of its end."""
        self._server, self._folder = server, folder
        self._environment_of = environment_of
        self._random = random.Random(seed)  # noqa: S311 - chaos is no secret
        self._names = (f"worker-{number}" for number in itertools.count(1))
        self.redis_is_up = asyncio.Lock()
        """Held while Redis is unavailable, and by who needs it to be there."""

    async def begin(self) -> None:
        """Start the workers."""
        await self.start(STEADY)
        for _ in range(2):
            await self.start(next(self._names))

    @property
    def redis_id(self) -> int:
        """The process' id of Redis, while it is up."""
        assert self._server.process
        return self._server.process.pid

    async def run(self, until: float, *, every_seconds: float) -> None:
        """Do something every so often, until that time of the loop's clock."""
        drawn = (self._random.choices(list(FAULTS), list(FAULTS.values()))[0] for _ in itertools.count())
        faults = itertools.chain(FAULTS, drawn)
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(every_seconds * self._random.uniform(0.5, 1.5))
            fault = next(faults)
            hard = "SIGKILL" in fault
            if fault.startswith("Redis"):
                await self._restart_redis(hard=hard)
            else:
                await self.replace(self._random.choice([name for name in self.workers if name != STEADY]), hard=hard)
            self.done[fault] += 1

    async def end(self) -> None:
        """End all workers as Kubernetes does."""
        await asyncio.gather(*(self._end(name, signal.SIGTERM) for name in list(self.workers)))

    async def kill_all(self) -> None:
        """Leave no worker behind."""
        await asyncio.gather(*(self._end(name, signal.SIGKILL) for name in list(self.workers)))

    async def replace(self, name: str, *, hard: bool) -> None:
        """Kill or end a worker, and start another in its place; nothing where that is under way."""
        if name in self._ending:
            return
        self._ending.add(name)
        ending = asyncio.create_task(self._end(name, signal.SIGKILL if hard else signal.SIGTERM))
        await self.start(next(self._names))
        await ending

    def was_alive(self, worker: str, at: float) -> bool:
        """Return whether this worker still ran at a time, in Unix seconds."""
        return worker in self.workers or at < self.ended_at.get(worker, 0)

    def away_seconds(self, at: float, *, lease_seconds: float) -> float:
        """Return for how much of the lease that ended then Redis was away."""
        begin = at - lease_seconds
        return sum(max(0.0, min(at, back) - max(begin, gone)) for gone, back in self._outages)

    def has_started(self, worker: str, job_id: str, *, after: float, before: float) -> bool:
        """Return whether this worker says that it began with a job: Redis may die between a claim and its answer."""
        lines = (self._folder / f"{worker}.log").read_text().splitlines()
        began = [line.split()[0] for line in lines if f" claimed job={job_id} " in line]
        return any(after - 0.01 <= dt.datetime.fromisoformat(at).timestamp() <= before for at in began)

    async def _end(self, name: str, how: signal.Signals) -> None:
        process = self.workers[name]
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        if how is signal.SIGKILL:
            self.ended_at[name] = time.time()
        status = await process.wait()
        begun = (self._folder / f"{name}.log").stat().st_size > 0
        self.ended_at.setdefault(name, time.time())
        self.workers.pop(name, None)
        # Until it has begun, which it says, it holds nothing, and SIGTERM ends it as any program.
        if status not in {0, -signal.SIGKILL} and (begun or status != -signal.SIGTERM):
            self.done[f"a worker ended by itself with {status}"] += 1

    async def _restart_redis(self, *, hard: bool) -> None:
        async with self.redis_is_up:
            gone_at = time.time()
            await asyncio.to_thread(self._server.stop, kill=hard)
            await asyncio.sleep(self._random.uniform(0, 1))
            await asyncio.to_thread(self._server.start)
            self._outages.append((gone_at, time.time()))

    async def start(self, name: str) -> None:
        """Start a worker of this name."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "GREENSCALE"))}
        with (self._folder / f"{name}.log").open("wb") as log:
            self.workers[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ENTRY),
                env={**ours, **self._environment_of(name), "GREENSCALE_WORKER": name},
                stderr=log,
                cwd=self._folder,
            )
