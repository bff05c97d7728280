"""How many jobs a claim asks for, and that many are claimed together where many wait."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from greenscale_jobs import JobClient, RedisAddress, new_item
from greenscale_worker.claiming import share_of

Start = Callable[..., Any]

JOBS = 600


@pytest.mark.parametrize(("slots", "share"), [(1, 1), (8, 8), (95, 95), (96, 32), (100, 33), (1000, 333)])
def test_share_of(slots: int, share: int) -> None:
    assert share_of(slots) == share


@pytest.mark.parametrize("slots", [8, 100])
def test_many_jobs_are_claimed_together(
    start_worker: Start, address: RedisAddress, raw: redis.Redis, slots: int
) -> None:
    """A claim for each slot as it is freed would cost a round trip for each job."""
    items = [new_item("word") for _ in range(JOBS)]
    with JobClient(address) as client:
        client.submit_many(items)
        raw.config_resetstat()
        start_worker(GREENSCALE_CONCURRENCY=str(slots))
        for item in items:
            client.result(item.id)
    claims = raw.info("commandstats")["cmdstat_blmove"]["calls"]

    assert claims <= 2 * JOBS / share_of(slots)
