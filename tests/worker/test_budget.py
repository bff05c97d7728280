"""The answers in hand share a budget of memory: beyond it a worker claims nothing."""

import asyncio
from collections.abc import Callable

import psutil
import pytest
import redis

from greenscale_jobs import Item, JobQueue, RedisAddress
from greenscale_testing.in_process import working
from greenscale_worker import in_hand
from greenscale_worker.runner import Answer

MIB = 1024 * 1024

PIECE = "x" * (MIB // 4)


class Held:
    """An engine that says a MiB after `speak`, and ends no answer before `release`."""

    def __init__(self) -> None:
        self.asked, self.said = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.speak, self.release = asyncio.Event(), asyncio.Event()

    async def ready(self) -> None:
        """Return at once."""

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Say all of it, then wait."""
        self.asked.release()
        await self.speak.wait()
        for _ in range(4):
            emit(PIECE)
        self.said.release()
        await self.release.wait()
        return Answer(item.prompt, finish_reason="stop")

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("waits", [True, False], ids=["a claim waits already", "no claim waits"])
async def test_beyond_the_budget_nothing_is_claimed(
    address: RedisAddress,
    raw: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    waits: bool,  # noqa: FBT001 - pytest's
) -> None:
    """Not by the claim either that was waiting when the budget was passed."""
    monkeypatch.setattr(in_hand, "MAX_BYTES_IN_HAND", 2 * MIB)
    engine, process = Held(), psutil.Process()
    async with JobQueue(address) as queue, asyncio.timeout(60):
        jobs = [await queue.submit("first") for _ in range(3)]
        if not waits:
            engine.speak.set()
        async with working(address, concurrency=8, engine=engine):
            for _ in jobs:
                await engine.asked.acquire()
            if waits:
                await until_a_claim_waits(raw, is_so=True)
            engine.speak.set()
            for _ in jobs:
                await engine.said.acquire()
            await until_a_claim_waits(raw, is_so=False)
            jobs += [await queue.submit("later") for _ in range(5)]
            more = await acquired(engine.asked, seconds=1)
            held = process.memory_info().rss
            await acquired(engine.asked, seconds=1)
            grown = process.memory_info().rss - held
            in_flight = (await queue.stats()).in_flight
            engine.release.set()
            for job_id in jobs:
                async for _ in queue.events(job_id):
                    pass
        done = (await queue.stats()).counters["done"]

    assert (more, in_flight) == (False, 3)
    assert grown < MIB
    assert done == len(jobs) == 8, "what was in hand is stored, and the rest is claimed then"


async def until_a_claim_waits(raw: redis.Redis, *, is_so: bool) -> None:
    async with asyncio.timeout(5):
        while any(session["cmd"] == "blmove" for session in raw.client_list()) != is_so:  # noqa: ASYNC110 - Redis tells not
            await asyncio.sleep(0.01)


async def acquired(semaphore: asyncio.Semaphore, *, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await semaphore.acquire()
    except TimeoutError:
        return False
    return True
