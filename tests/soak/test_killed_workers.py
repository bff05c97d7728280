"""That a worker is killed is not the fault of the jobs that it had in hand."""

import asyncio
import random
from pathlib import Path

import pytest

from greenscale_jobs import JobQueue, JobState, RedisAddress
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.soak_chaos import Chaos

JOBS, KILLS, LEASE_SECONDS, FINISH_SECONDS = 300, 30, 1, 60.0


def environment(address: RedisAddress) -> dict[str, str]:
    return {
        "GREENSCALE_ENGINE": "Echo",
        "GREENSCALE_LEASE_SECONDS": str(LEASE_SECONDS),
        "REDIS_HOST": address.host,
        "REDIS_PORT": str(address.port),
    }


@pytest.mark.timeout(120)
async def test_of_300_jobs_none_is_lost_or_dead_when_workers_are_killed_30_times(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.start()
    chance = random.Random(5)  # noqa: S311
    chaos = Chaos(own_redis, tmp_path, lambda _: environment(own_redis.address), seed=5)
    async with JobQueue(own_redis.address) as queue:
        ids = [await queue.submit("word " * chance.randint(8, 24)) for _ in range(JOBS)]
        await chaos.begin()
        try:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, 0.5))
                await chaos.replace(chance.choice(list(chaos.workers)), hard=True)
            async with asyncio.timeout(FINISH_SECONDS):
                for job_id in ids:
                    assert [event async for event in queue.events(job_id)][-1].type == "done"
        finally:
            await chaos.kill_all()
        jobs = [await queue.job(job_id) for job_id in ids]

    taken = sum(error.reason == "WorkerLost" for job in jobs for error in job.errors)
    assert taken > KILLS, "too few jobs were in hand when their workers were killed"
    assert [job for job in jobs if job.state is not JobState.DONE] == []
