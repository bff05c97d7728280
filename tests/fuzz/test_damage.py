"""Every field and every key of a queue, damaged in every way there is: nothing fails but as is documented.

No call raises another error, no other job is lost or held up, and once a shared key is mended all goes on.
"""

import os
import random
from collections.abc import Iterator

import pytest
import redis

from greenscale_jobs import Fleet, JobClient, JobQueue, RedisAddress
from greenscale_testing import fuzz_states
from greenscale_testing.fuzz_calls import Calls
from greenscale_testing.fuzz_damage import Damage, damages_of_job, damages_of_queue, foreign_keys, foreign_keys_of_job
from greenscale_testing.local_redis import Clock
from greenscale_testing.whereabouts import astray

SEED = int(os.environ.get("GREENSCALE_TEST_SEED", "5"))

MOST = int(os.environ.get("GREENSCALE_TEST_INPUTS", "3000")) // 12
"""So many damages are drawn beside the foreign keys; all where that is more than there are, as in `make fuzz`."""

SHOWN = 20
"""Of what went wrong so much is said."""


def cases() -> Iterator[tuple[str, Damage]]:
    """Yield each state of the damaged job, and each damage."""
    for state in fuzz_states.STATES:
        for damage in damages_of_job(fuzz_states.VICTIM):
            yield state, damage
    for damage in damages_of_queue():
        yield "waiting", damage


@pytest.mark.timeout(1800)
async def test_damage_spoils_what_it_touches_and_nothing_else(
    address: RedisAddress, raw: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    every, wrong = list(cases()), []
    drawn = every if len(every) <= MOST else random.Random(SEED).sample(every, MOST)  # noqa: S311 - no secret
    drawn += [("waiting", damage) for damage in (*foreign_keys(), *foreign_keys_of_job(fuzz_states.VICTIM))]
    for state, damage in drawn:
        raw.flushdb()
        wrong += [f"{state}, {damage.id}: {fault}" for fault in await _suffer(address, raw, state, damage)]
    with capsys.disabled():
        print(f"\n{len(drawn)} damages, seed {SEED}: {len(wrong)} faults")  # noqa: T201

    assert wrong[:SHOWN] == []


async def _suffer(address: RedisAddress, raw: redis.Redis, state: str, damage: Damage) -> list[str]:
    """Return what was not as it should be."""
    clock = Clock()
    async with JobQueue(address, clock=clock) as queue, Fleet(address, clock=clock) as fleet:
        held, other = await fuzz_states.begin(queue, raw, state)
        damage.do(raw)
        with JobClient(address) as client:
            calls = Calls(queue, fleet, client)
            try:
                await calls.of_reader(held.id)
                await calls.of_worker(held, other)
                clock.advance(queue.limits.lease_seconds + 1)
                await calls.of_operator()
                await calls.of_producer(held.id)
                await calls.of_reader(held.id)
                damage.mend(raw)
                await fuzz_states.end(queue, clock.advance)
                left = await fuzz_states.not_done(queue)
            except Exception as error:  # noqa: BLE001 - any that is not documented is what is looked for
                return [f"{type(error).__name__}: {error}"]
        return [f"{job_id} has not been done" for job_id in left] + [
            line for line in astray(raw) if not line.startswith(held.id)
        ]
