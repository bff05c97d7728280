"""Whatever is pushed on the list is answered, or is dead with a reason: nothing stops a worker, nothing vanishes."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from itertools import islice

import pytest
import redis

from greenscale_jobs import Job, JobQueue, JobState, RedisAddress
from greenscale_testing.fuzz_items import inputs
from greenscale_testing.in_process import working
from greenscale_worker.runners import echo

INPUTS = int(os.environ.get("GREENSCALE_TEST_INPUTS", "3000"))
"""How many are pushed; `make fuzz` pushes 100 000."""

SEED = int(os.environ.get("GREENSCALE_TEST_SEED", "5"))
"""The same seed draws the same inputs."""

ROUND = 5000
"""Inputs that are there at once; ids come again within a round."""

PAGE = 500

REASONS = {"InvalidItem", "DuplicateId", "TooLarge"}
"""Why an input may be dead. Any other would mean that it got past the checks and broke something."""


@pytest.mark.timeout(600)
async def test_every_input_is_answered_or_dead_with_a_reason(
    address: RedisAddress, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(echo, "PACE_SECONDS", 0)
    kinds, ended = Counter[str](), Counter[str]()
    drawn = inputs(SEED, INPUTS)
    async with JobQueue(address) as queue, working(address) as worker:
        while batch := list(islice(drawn, ROUND)):
            pushed = Counter(kind for kind, _ in batch)
            for first in range(0, len(batch), PAGE):
                raw.lpush("jobs", *(item for _, item in batch[first : first + PAGE]))
                await asyncio.sleep(0)
            async with asyncio.timeout(60):
                while (await queue.stats()).work:
                    assert not worker.done()
                    await asyncio.sleep(0.02)  # the end of the work is found only by asking
            outcome = await _outcome(queue)
            assert outcome.total() == len(batch)
            assert outcome["done"] >= pushed["good"]
            kinds, ended = kinds + pushed, ended + outcome
            await queue.delete()
            assert raw.dbsize() == 0
    with capsys.disabled():
        print(f"\n{INPUTS} inputs, seed {SEED}: {ended['done']} answered, {INPUTS - ended['done']} dead")  # noqa: T201
        print("\n".join(f"  {what:40}{number:>8}" for what, number in sorted((kinds + ended).items())))  # noqa: T201

    assert kinds.total() == ended.total() == INPUTS


async def _outcome(queue: JobQueue) -> Counter[str]:
    """Return how the jobs ended, as their records, the lists and the counters all say."""
    ended = Counter[str]()
    async for job in _all(queue, JobState.DONE):
        assert job.result == job.prompt
        ended["done"] += 1
    async for job in _all(queue, JobState.DEAD):
        assert job.error
        assert job.error.reason in REASONS
        assert job.error.message
        ended[job.error.reason] += 1
    stats = await queue.stats()
    assert (stats.counters.get("done", 0), stats.counters.get("dead", 0)) == (ended["done"], stats.dead)
    assert stats.delayed == 0
    return ended


async def _all(queue: JobQueue, state: JobState) -> AsyncIterator[Job]:
    offset, total = 0, 1
    while offset < total:
        page = await queue.jobs(state, offset=offset, limit=PAGE)
        for job in page.jobs:
            yield job
        offset, total = offset + PAGE, page.total
