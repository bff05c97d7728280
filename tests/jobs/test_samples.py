"""What is remembered of a queue's past."""

import time
from typing import Any

import msgspec
import pytest
import redis

from greenscale_jobs import (
    Finished,
    JobClient,
    JobQueue,
    Outcome,
    RedisAddress,
    Sample,
    Start,
    Stats,
    Usage,
    usual,
)
from greenscale_jobs.samples import COUNTED_SECONDS, STARTS_KEPT, sample_fields


async def test_the_last_starts_are_returned_newest_first(queue: JobQueue, address: RedisAddress) -> None:
    began = time.time()
    for seconds in (1.0, 12.3456, 3.0):
        await queue.note_start(seconds)
    with JobClient(address) as client:
        starts = client.starts(limit=2)

    assert [start.seconds for start in starts] == [3.0, 12.346]
    assert began - 1 < starts[1].at <= starts[0].at < time.time() + 1
    assert await queue.starts(limit=2) == starts


async def test_a_queue_without_a_start_knows_none(queue: JobQueue) -> None:
    assert await queue.starts() == []


async def test_no_more_starts_are_kept_than_it_says(queue: JobQueue, raw: redis.Redis) -> None:
    for _ in range(STARTS_KEPT + 1):
        await queue.note_start(1)

    assert raw.xlen("jobs:starts") == STARTS_KEPT


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param([], None, id="none is known"),
        pytest.param([4], 4, id="one"),
        pytest.param([300, 12, 11], 12, id="one that took long is not usual"),
        pytest.param([10, 20], 15, id="between two"),
    ],
)
def test_what_is_usual_is_the_median(seconds: list[float], expected: float | None) -> None:
    assert usual([Start(0, each) for each in seconds]) == expected


BEFORE = Sample(1000.0, pending=1, in_flight=2, replicas=1, done=10, dead=0, tokens=None)


@pytest.mark.parametrize(
    ("change", "worth"),
    [
        pytest.param({"at": 9999.0}, False, id="nothing changed, however long"),
        pytest.param({"pending": 0}, True, id="a job was claimed"),
        pytest.param({"replicas": 0}, True, id="it sleeps"),
        pytest.param({"done": 11, "at": 1000 + COUNTED_SECONDS / 2}, False, id="a counter, a moment ago"),
        pytest.param({"done": 11, "at": 1000 + COUNTED_SECONDS}, True, id="a counter, a minute ago"),
        pytest.param({"dead": 1, "at": 1000 + COUNTED_SECONDS}, True, id="a job died"),
        pytest.param({"tokens": 5, "at": 1000 + COUNTED_SECONDS}, True, id="tokens"),
    ],
)
def test_a_sample_is_kept_where_it_tells_something(change: dict[str, Any], *, worth: bool) -> None:
    assert msgspec.structs.replace(BEFORE, **change).follows(BEFORE) is worth


def test_the_first_sample_is_kept() -> None:
    assert BEFORE.follows(None)


async def test_a_line_begins_at_its_left_edge(raw: redis.Redis, address: RedisAddress) -> None:
    """The last sample before the time begins says what held then."""
    for second in (10, 20, 30, 40):
        sample = Sample.of(Stats(second, 0, 0, 0, {"done": 1, "tokens": second}), replicas=0, at=0)
        raw.xadd("jobs:history", sample_fields(sample), id=f"{second * 1000}-0")
    with JobClient(address) as client:
        assert [sample.at for sample in client.history(25)] == [20, 30, 40]
        assert [sample.at for sample in client.history(30)] == [20, 30, 40]
        assert [sample.at for sample in client.history(0)] == [10, 20, 30, 40]
        assert client.history(50) == [Sample(40, 40, 0, 0, done=1, dead=0, tokens=40)]


async def test_an_entry_of_another_hand_does_not_hide_the_others(
    queue: JobQueue, raw: redis.Redis, address: RedisAddress
) -> None:
    raw.xadd("jobs:history", {"pending": "many"}, id="1-0")
    await queue.sample(BEFORE)
    with JobClient(address) as client:
        (sample,) = client.history(0)

    assert msgspec.structs.replace(sample, at=BEFORE.at) == BEFORE


@pytest.mark.parametrize(
    ("usages", "tokens"),
    [
        pytest.param([None], None, id="no engine reported any"),
        pytest.param([Usage(3, 4), None, Usage(None, 5)], 12, id="of those that were reported"),
        pytest.param([Usage(-5, None), Usage(10**30, 1), Usage(1, 1)], 10**9 + 2, id="numbers that cannot be"),
    ],
)
async def test_tokens_are_counted_as_jobs_are_done(
    queue: JobQueue, usages: list[Usage | None], tokens: int | None
) -> None:
    for _ in usages:
        await queue.submit("hi")
    claims = await queue.claim("w", len(usages)) or []
    results = [Finished(claim, "a", Outcome(usage=usage)) for claim, usage in zip(claims, usages, strict=True)]
    await queue.finish(results)
    await queue.finish(results)  # said again, for the answer was lost

    assert Sample.of(await queue.stats(), replicas=1, at=0).tokens == tokens
    assert (await queue.stats()).counters["done"] == len(usages)
