"""The soak: load, faults and those who look, side by side on one queue."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import redis
import redis.asyncio

from greenscale_jobs import JobQueue, JobState
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.openai_server import serving
from greenscale_testing.soak_chaos import STEADY, Chaos
from greenscale_testing.soak_load import MALFORMED, Load, insist
from greenscale_testing.soak_verdict import LEAST_SAMPLES, Sample, growth, halves, left_over, miscounted, take_sample
from greenscale_testing.soak_watch import Watch

PER_SECOND, FAULT_EVERY_SECONDS, REDRIVE_EVERY_SECONDS = 20.0, 4.0, 5
LEASE_SECONDS, MAX_ATTEMPTS, RESULT_TTL_SECONDS = 15, 5, 30
"""Results live long enough to be looked at once, even while this machine is busy with other things."""

FINISH_SECONDS = 90.0
"""For what is left when the load ends: leases of the killed, retries, what was dead, results that expire."""

LEFT = {"jobs:dead", "jobs:config", "jobs:stats", "jobs:workers"}
"""What a queue keeps when all results have expired, beside the dead; the workers that still live are counted."""

SETTINGS = {
    "GREENSCALE_ENGINE": "OpenAI",
    "OPENAI_API_KEY": "sk-soak",
    "GREENSCALE_MODEL": "moody",
    "GREENSCALE_CONCURRENCY": "16",
    "GREENSCALE_LEASE_SECONDS": str(LEASE_SECONDS),
    "GREENSCALE_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    "GREENSCALE_RESULT_TTL_SECONDS": str(RESULT_TTL_SECONDS),
    "GREENSCALE_BACKOFF_INITIAL_SECONDS": "0.1",
    "GREENSCALE_BACKOFF_MAX_SECONDS": "1",
    "GREENSCALE_GRACE_SECONDS": "1",
}


class Soak:
    """One run. What it found is in `lost`, `wrong` and `left`."""

    def __init__(self, queue: JobQueue, plain: redis.asyncio.Redis, chaos: Chaos, *, seed: int) -> None:
        self.queue, self.plain, self.chaos = queue, plain, chaos
        self.load = Load(queue, plain, seed=seed, max_attempts=MAX_ATTEMPTS)
        self.samples: list[Sample] = []
        self.sent_again = 0
        self.wrong: list[str] = []
        self.left: set[str] = set()
        self._watch = Watch(queue, self.load.ledger, chaos, lease_seconds=LEASE_SECONDS)

    @property
    def lost(self) -> set[str]:
        """Jobs that were accepted and have not ended."""
        return self.load.ledger.missing

    async def run(self, seconds: float) -> None:
        """Load the queue for so long, let everything end and expire, and judge."""
        await self.queue.configure(max_length=10_000, result_ttl_seconds=RESULT_TTL_SECONDS, paused=False)
        await self.plain.lpush("jobs", *MALFORMED)
        await self.chaos.begin()
        until = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self.load.run(until, per_second=PER_SECOND))
            group.create_task(self.chaos.run(until, every_seconds=FAULT_EVERY_SECONDS))
            group.create_task(self._observe(until))
        await self._finish_all()
        stats = await insist(self.queue.stats)
        self.wrong += [*self.load.ledger.wrong, *growth(self.samples)]
        self.wrong += left_over(stats, malformed=len(MALFORMED))
        self.wrong += miscounted(self.load.ledger, stats, dead=self.sent_again + len(MALFORMED))
        await self._let_expire()
        await self.chaos.end()

    async def _observe(self, until: float) -> None:
        seconds = 0
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(1)
            seconds += 1
            async with self.chaos.redis_is_up:
                await self._watch.note_ended()
                self.samples.append(await self._sample())
                if seconds % REDRIVE_EVERY_SECONDS == 0:
                    await self._send_again()

    async def _sample(self) -> Sample:
        keys = await self.plain.dbsize()
        return take_sample(self.chaos.workers[STEADY].pid, self.chaos.redis_id, keys=keys)

    async def _dead(self) -> list[str]:
        """Return the dead, but for those that can never run."""
        page = await insist(lambda: self.queue.jobs(JobState.DEAD, limit=1000))
        return [job.id for job in page.jobs if job.error and job.error.reason != "InvalidItem"]

    async def _send_again(self) -> None:
        ids = await self._dead()
        self.sent_again += len(await insist(lambda: self.queue.redrive(ids)))

    async def _finish_all(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                while self.lost:
                    await asyncio.sleep(0.5)
                    await self._watch.note_ended()
                    await self._send_again()

    async def _let_expire(self) -> None:
        """Wait until no key is left but those that should be."""
        page = await insist(lambda: self.queue.jobs(JobState.DEAD, limit=1000))
        stay = LEFT | {self.queue.keys.job(job.id) for job in page.jobs}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                while True:
                    self.left = {key.decode() async for key in self.plain.scan_iter(count=1000)} - stay
                    if not self.left:
                        return
                    await asyncio.sleep(0.5)


def table(title: str, soak: Soak) -> str:
    """Return what happened, in lines."""
    ledger = soak.load.ledger
    parts = {
        "submitted": Counter(ledger.kinds.values()) + Counter({"malformed": len(MALFORMED)}),
        "done to the processes": soak.chaos.done,
        "happened to the jobs": ledger.counts + Counter({"dead jobs sent again": soak.sent_again}),
        "ended": Counter(ledger.ended.values()) + Counter({"dead (malformed)": len(MALFORMED)}),
        "wrong": {
            "jobs lost": len(soak.lost),
            "anything else": len(soak.wrong),
            "keys left when all results had expired": len(soak.left),
        },
    }
    lines = [title]
    for heading, counts in parts.items():
        lines += ["", heading, *(f"  {what:52}{number:>9}" for what, number in sorted(counts.items()))]
    if len(soak.samples) < LEAST_SAMPLES:
        lines += ["", "whether keys grow: too short a run to tell"]
    lines += ["", f"{'medians after the warm-up':40}{'first half':>12}{'second half':>13}"]
    for name, label in (("worker_mb", "the oldest worker, MB"), ("redis_mb", "Redis, MB"), ("keys", "keys")):
        first, second = halves(soak.samples, name)
        lines.append(f"  {label:38}{first:>12.1f}{second:>13.1f}")
    return "\n".join(lines) + "\n"


@contextlib.asynccontextmanager
async def soaking(server: RedisServer, folder: Path, *, seed: int) -> AsyncIterator[Soak]:
    """Give a soak on a Redis that runs; its workers are gone at the end."""
    address = server.address
    async with serving() as (_, url), JobQueue(address) as queue, redis.asyncio.Redis(port=address.port) as plain:
        where = {"REDIS_HOST": address.host, "REDIS_PORT": str(address.port), "OPENAI_BASE_URL": url}
        chaos = Chaos(server, folder, lambda _: SETTINGS | where, seed=seed)
        try:
            yield Soak(queue, plain, chaos, seed=seed)
        finally:
            await chaos.kill_all()
