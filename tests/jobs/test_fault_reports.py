"""The fault of an engine, as workers report it to the queue."""

import pytest

from greenscale_jobs import JobQueue
from greenscale_jobs.engine_report import TROUBLE_SECONDS, seconds_of_news
from greenscale_testing.claims import claim_one, done
from greenscale_testing.local_redis import Clock


async def test_a_fault_is_withdrawn_by_the_next_result(queue: JobQueue) -> None:
    await queue.report_fault("the key is refused")
    fault = (await queue.stats()).fault
    await queue.submit("hi")
    await queue.finish([done(await claim_one(queue))])

    assert fault == "the key is refused"
    assert (await queue.stats()).fault is None


async def test_a_trouble_is_reported_once_it_has_lasted_whoever_notes_it(queue: JobQueue, clock: Clock) -> None:
    """No worker need live so long: KEDA ends them sooner where all jobs are delayed."""
    waits = []
    for _ in range(4):
        waits.append(await queue.report_fault("away", after_seconds=30))
        clock.advance(10)
        faults = (await queue.stats()).fault

    assert (waits, faults) == ([30, 20, 10, 0], "away")


@pytest.mark.parametrize(
    "ending", ["an answer", "a job that is refused for its own sake", "nobody has noted it for long"]
)
async def test_a_trouble_that_is_over_does_not_count_for_the_next(queue: JobQueue, clock: Clock, ending: str) -> None:
    await queue.submit("hi")
    claim = await claim_one(queue)
    await queue.report_fault("away", after_seconds=30)
    clock.advance(29)
    match ending:
        case "an answer":
            await queue.finish([done(claim)])
        case "nobody has noted it for long":
            clock.advance(TROUBLE_SECONDS)
        case _:
            await queue.bury(claim, "R", "m")
    clock.advance(2)

    assert await queue.report_fault("away", after_seconds=30) == 30
    assert (await queue.stats()).fault is None


async def test_a_report_is_news_for_as_long_as_its_worker_says(queue: JobQueue, clock: Clock) -> None:
    """A container that restarts may be away for five minutes."""
    await queue.report_fault("the key is refused", news_seconds=420)
    clock.advance(419)

    assert round(seconds_of_news(await queue.stats(), now=clock())) == 1
