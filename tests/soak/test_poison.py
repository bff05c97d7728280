"""A prompt that its engine dies of is found out and ends dead; whoever was beside it ends done."""

from pathlib import Path

import pytest

from greenscale_jobs import JobQueue, JobState
from greenscale_testing.chaos_kinds import prompt_of
from greenscale_testing.chaos_process import chaos_engine
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.soak_chaos import STEADY, Chaos

MAX_LOSSES, COMPANY = 1, 6


@pytest.mark.timeout(120)
async def test_a_prompt_that_kills_its_engine_ends_dead_though_connections_are_reused(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    """A lost connection that was used before is tried again at once: that must not hide what was lost with it."""
    own_redis.start()
    address = own_redis.address
    async with chaos_engine(tmp_path, calm=True) as engine, JobQueue(address) as queue:
        environment = {
            "REDIS_HOST": address.host,
            "REDIS_PORT": str(address.port),
            "OPENAI_API_KEY": "sk-one",
            "OPENAI_BASE_URL": engine.base_url,
            "WORKER_SETTINGS": f'{{"maxLosses": {MAX_LOSSES}}}',
        }
        chaos = Chaos(own_redis, tmp_path, lambda _: environment, seed=1)
        first = [await queue.submit(prompt_of("quiet", number)) for number in range(8)]
        await chaos.start(STEADY)
        try:
            for job_id in first:
                assert [event async for event in queue.events(job_id)][-1].type == "done"
            poison = await queue.submit(prompt_of("poison-engine", 100))
            others = [await queue.submit(prompt_of("slow", number)) for number in range(COMPANY)]
            assert [event async for event in queue.events(poison)][-1].type == "dead"
            for job_id in others:
                assert [event async for event in queue.events(job_id)][-1].type == "done"
        finally:
            await chaos.kill_all()
        job = await queue.job(poison)

    assert (job.state, job.error and job.error.reason) == (JobState.DEAD, "EngineLost")
    asked = [line for line in engine.lines if line.what == "call" and line.kind == "poison-engine"]
    assert len(asked) == 2 + MAX_LOSSES
