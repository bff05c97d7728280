"""Redis ends without warning and starts again on its files: what is lost, and how the rest goes on."""

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import redis

from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, QueueUnavailable
from greenscale_testing.local_redis import RedisServer

HELD_BACK_SECONDS = 2.0
"""For so long Redis holds writes back while its disk syncs (`appendfsync everysec`)."""

AOF = ("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_what_was_answered_outlives_a_kill(own_redis: RedisServer, policy: str) -> None:
    """Redis hands its file to the kernel before it answers; with everysec it holds that back while it syncs."""
    own_redis.options = (*AOF, "--appendfsync", policy)
    own_redis.start()
    with redis.Redis(port=own_redis.address.port) as raw:
        raw.hset("jobs:config", "maxLength", 1_000_000)
    answered: dict[str, float] = {}
    enough = threading.Event()

    def produce() -> None:
        with JobClient(own_redis.address) as client, contextlib.suppress(QueueUnavailable):
            while True:
                job_id = client.submit("hi")
                answered[job_id] = time.monotonic()
                if answered[job_id] - next(iter(answered.values())) > 2 * HELD_BACK_SECONDS:
                    enough.set()

    producing = threading.Thread(target=produce)
    producing.start()
    assert enough.wait(30)
    killed_at = time.monotonic()
    own_redis.stop(kill=True)
    producing.join(30)
    own_redis.start()
    with JobClient(own_redis.address) as client:
        waiting = client.jobs(JobState.WAITING, limit=len(answered) + 1)

    kept = [job.id for job in waiting.jobs]
    assert kept[: len(answered)] == list(answered)[: len(kept)], "what is lost is the newest"
    lost = [killed_at - at for at in list(answered.values())[len(kept) :]]
    assert lost == [] if policy == "always" else max(lost, default=0) <= HELD_BACK_SECONDS


async def test_a_file_that_was_cut_anywhere_is_taken_up_cleanly(own_redis: RedisServer, tmp_path: Path) -> None:
    """As after a power cut: Redis starts on a file that ends in the middle, and no script is half done in it."""
    own_redis.options = (*AOF, "--appendfsync", "no")
    own_redis.start()
    async with JobQueue(own_redis.address) as queue:
        for number in range(4):
            await queue.submit(f"{number}")
        claims = await queue.claim("w", 4) or []
        await queue.finish([Finished(claim, "answer", Outcome()) for claim in claims[:2]])
        await queue.retry(claims[2], "R", "m", delay_seconds=0)
        await queue.bury(claims[3], "R", "m")
        await queue.maintain()
    own_redis.stop(kill=True)
    whole = tmp_path / "whole.aof"
    shutil.copy(aof(tmp_path), whole)
    size = whole.stat().st_size
    for end in range(size // 25, size + 1, size // 25):
        aof(tmp_path).write_bytes(whole.read_bytes()[:end])
        own_redis.start()
        with redis.Redis(port=own_redis.address.port) as raw:
            faults = inconsistencies(raw)
        own_redis.stop(kill=True)

        assert faults == [], f"cut at {end} of {size} bytes"


def test_a_worker_goes_on_when_its_claim_was_lost(
    own_redis: RedisServer, tmp_path: Path, start_worker: Callable[..., object], worker_log: Callable[[], str]
) -> None:
    """The power cut took the claim with it: the job waits again, and what the first worker did of it is refused."""
    own_redis.options = (*AOF, "--appendfsync", "no")
    own_redis.start()
    with JobClient(own_redis.address) as client:
        job_id = client.submit(" ".join("word" for _ in range(40)))
        unclaimed = aof(tmp_path).stat().st_size
        start_worker(redis=own_redis.address)
        next(event for event in client.events(job_id) if event.type == "delta")
        own_redis.stop(kill=True)
        with aof(tmp_path).open("r+b") as file:
            file.truncate(unclaimed)
        own_redis.start()
        while True:
            with contextlib.suppress(QueueUnavailable):
                job = client.result(job_id)
                break

    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert f"lost job={job_id} attempt=1" in worker_log()


def aof(folder: Path) -> Path:
    """Return the file that grows: Redis 7 has a folder of them."""
    files = [file for file in folder.rglob("*.aof") if file.name != "whole.aof" and ".base." not in file.name]
    (growing,) = files
    return growing


def inconsistencies(raw: redis.Redis) -> list[str]:
    """Return the jobs that are in no place or in several, or that are where their state does not say."""
    places: dict[str, list[str]] = {}
    for state, key in (("waiting", "jobs"), ("dead", "jobs:dead")):
        for entry in raw.lrange(key, 0, -1):
            places.setdefault(json.loads(entry)["id"], []).append(state)
    for state, key in (("running", "jobs:inflight"), ("delayed", "jobs:delayed"), ("done", "jobs:done")):
        for member in cast("list[bytes]", raw.zrange(key, 0, -1)):
            places.setdefault(member.decode(), []).append(state)
    states = {
        key.decode().rpartition(":")[2]: cast("bytes", raw.hget(key.decode(), "state")).decode()
        for key in cast("list[bytes]", raw.keys("jobs:job:*"))
    }
    return [
        f"{job_id} is in {places.get(job_id)} and says {states.get(job_id)}"
        for job_id in places.keys() | states.keys()
        if places.get(job_id) != [states.get(job_id)]
    ]
