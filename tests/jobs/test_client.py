"""The blocking client has the same methods as the asyncio one, sees what that does, and waits for answers."""

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from greenscale_jobs import (
    Event,
    JobClient,
    JobQueue,
    JobState,
    Outcome,
    RedisAddress,
    WorkloadStatus,
    event_stream,
    producer,
    reader,
    searching,
)
from greenscale_jobs.worker_side import Finished
from greenscale_testing.board import publish

DESCRIBED = [
    *(
        function
        for module in (producer, reader, event_stream)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ),
    searching.search,
]
"""Every call of producers and readers."""


@pytest.mark.parametrize("owner", [JobQueue, JobClient])
@pytest.mark.parametrize("function", DESCRIBED, ids=lambda function: function.__name__)
def test_both_clients_have_every_call_of_producers_and_readers(owner: type, function: Callable[..., Any]) -> None:
    method = getattr(owner, function.__name__)

    assert inspect.unwrap(method) is function
    assert method.__doc__ == function.__doc__


async def done(queue: JobQueue, client: JobClient) -> str:
    """Leave a job that is done."""
    job_id = client.submit("hi")
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "hello", Outcome())])
    return job_id


async def test_a_script_waits_for_its_answer(queue: JobQueue, address: RedisAddress) -> None:
    events: list[Event] = []
    with JobClient(address) as client:
        job_id = client.submit("hi")
        watcher = threading.Thread(target=lambda: events.extend(client.events(job_id)))
        watcher.start()
        (claim,) = await queue.claim("w") or []
        await queue.emit([(claim, "he")])
        await queue.finish([Finished(claim, "hello", Outcome(), "llo")])
        watcher.join(10)
        job = client.result(job_id)

    assert [(event.type, event.text) for event in events] == [
        ("claimed", "w"),
        ("delta", "he"),
        ("delta", "llo"),
        ("done", ""),
    ]
    assert (job.state, job.result) == (JobState.DONE, "hello")


async def test_events_are_read_on_from_where_one_was(queue: JobQueue, address: RedisAddress) -> None:
    with JobClient(address) as client:
        job_id = client.submit("hi")
        (claim,) = await queue.claim("w") or []
        (claimed,) = client.next_events(job_id)
        await queue.emit([(claim, "a")])

        assert [event.text for event in client.next_events(job_id, after=claimed.id)] == ["a"]
        assert client.next_events("nobody") == []


async def test_watching_ends_though_the_events_are_gone(
    queue: JobQueue, address: RedisAddress, raw: redis.Redis
) -> None:
    """The stream may expire or be deleted; nobody must wait for ever."""
    with JobClient(address) as client:
        job_id = await done(queue, client)
        raw.delete(f"jobs:events:{job_id}")

        assert list(client.events(job_id)) == []


async def test_watching_ends_with_the_result_though_its_record_is_gone(
    queue: JobQueue, address: RedisAddress, raw: redis.Redis
) -> None:
    """Nothing follows a result: nobody asks for the job's state after it, which may have expired by then."""
    with JobClient(address) as client:
        job_id = await done(queue, client)
        raw.delete(f"jobs:job:{job_id}")

        assert [event.type for event in client.events(job_id)] == ["claimed", "done"]
        assert [event.type async for event in queue.events(job_id)] == ["claimed", "done"]


async def test_workloads_are_reported_to_all(queue: JobQueue, address: RedisAddress) -> None:
    status = WorkloadStatus("ns", "name", "jobs", "Active", "Works.", 1, 4, "Echo", None, {"pending": 1}, 5.0)
    await publish(queue, status)
    with JobClient(address) as client:
        assert client.workloads() == [status]
