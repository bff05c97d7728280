"""Processes that use a queue and are no worker: `python -m greenscale_testing.roles producer`, or `tender`.

Each makes every call of its kind once. What the queue has acknowledged is printed at once, an id a line.
"""

import asyncio
import os
import sys
import time

from greenscale_jobs import Fleet, JobClient, JobState, RedisAddress, Resource, Sample, WorkloadStatus, new_item

MANY = ("many-1", "many-2", "many-3")
DEAD = ("was-dead", "was-dead-too")
"""Dead jobs that whoever starts the producer has made."""


def produce(address: RedisAddress) -> None:
    """Do what scripts, the command and the page do."""
    with JobClient(address) as client:
        _acknowledged(client.submit("single", job_id="single"))
        _acknowledged(client.submit("by key", idempotency_key="key"), client.submit("later", delay_seconds=0.5))
        client.submit_many([new_item("one of many", job_id=job_id) for job_id in MANY])
        _acknowledged(*MANY)
        client.cancel(MANY[0])
        client.redrive([DEAD[0]])
        client.redrive_all()
        client.stats()
        client.job("single")
        client.jobs(JobState.WAITING)
        client.search(JobState.WAITING)
        client.next_events(MANY[0])
        client.workloads()


async def maintain(address: RedisAddress) -> None:
    """Do what the operator does with a queue."""
    async with Fleet(address) as fleet:
        queue = fleet.queue("jobs")
        await queue.configure(max_length=100, result_ttl_seconds=100, paused=False)
        await fleet.survey(["jobs"])
        await queue.maintain()
        await fleet.recover_some(["jobs"])
        stats = await queue.stats()
        await queue.sample(Sample.of(stats, replicas=0, at=time.time()))
        await queue.note_start(1.0)
        await queue.starts()
        status = WorkloadStatus("ns", "w", "jobs", "Active", "", 0, 1, "Echo", None, {}, time.time())
        await fleet.put_workloads([status], {"ns/w": Resource({})})
        await fleet.forget_workload("ns", "w")


def _acknowledged(*job_ids: str) -> None:
    print(*job_ids, sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    redis_address = RedisAddress.from_environment(os.environ)
    if sys.argv[1] == "producer":
        produce(redis_address)
    else:
        asyncio.run(maintain(redis_address))
