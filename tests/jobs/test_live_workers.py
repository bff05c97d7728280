"""The set of live workers: what KEDA counts so that none is taken away while there is work."""

import pytest
import redis

from greenscale_jobs import JobQueue, Keys, QueueDamaged
from greenscale_testing.local_redis import Clock

WORKERS = Keys("jobs").workers


async def test_a_worker_counts_until_its_time_is_over(queue: JobQueue, clock: Clock) -> None:
    await queue.register("a", seconds=90)
    clock.advance(60)
    await queue.register("b", seconds=90)
    before = (await queue.stats()).workers
    clock.advance(60)
    await queue.register("b", seconds=90)  # whoever lives prunes the dead

    assert (before, (await queue.stats()).workers) == (2, 1)


async def test_a_worker_that_renews_counts_once(queue: JobQueue, clock: Clock, raw: redis.Redis) -> None:
    await queue.register("a", seconds=90)
    clock.advance(30)
    await queue.register("a", seconds=90)

    assert raw.zrange(WORKERS, 0, -1, withscores=True) == [(b"a", pytest.approx(clock.now + 90))]


async def test_a_worker_that_leaves_counts_no_more(queue: JobQueue) -> None:
    await queue.register("a", seconds=90)
    await queue.register("b", seconds=90)
    await queue.unregister("a")

    assert (await queue.stats()).workers == 1


async def test_when_all_are_dead_the_set_goes_by_itself(queue: JobQueue, raw: redis.Redis) -> None:
    """At zero replicas nobody prunes: ghosts would make the first job wake as many workers as there were."""
    await queue.register("a", seconds=90)

    assert 0 < raw.ttl(WORKERS) <= 90


async def test_they_go_with_the_queue(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.register("a", seconds=90)
    await queue.delete()

    assert raw.keys("*") == []


async def test_a_foreign_key_in_its_place_is_named_and_stops_no_claim(queue: JobQueue, raw: redis.Redis) -> None:
    raw.set(WORKERS, "of another program")
    await queue.submit("hi", job_id="j")
    for call in (queue.register("a", seconds=90), queue.unregister("a"), queue.stats()):
        with pytest.raises(QueueDamaged, match=rf"\({WORKERS} is a string, not a zset\)"):
            await call
    claims = await queue.claim("a")

    assert [claim.id for claim in claims or []] == ["j"]
    assert raw.get(WORKERS) == b"of another program"


async def test_a_full_redis_still_counts_workers(queue: JobQueue, raw: redis.Redis) -> None:
    raw.config_set("maxmemory", "1")
    await queue.register("a", seconds=90)
    raw.config_set("maxmemory", "0")

    assert (await queue.stats()).workers == 1
