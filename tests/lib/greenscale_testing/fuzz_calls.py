"""Every call there is, made on a damaged queue: each may fail with an error that is documented, and with no other."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from greenscale_jobs import (
    Claim,
    Finished,
    Fleet,
    JobClient,
    JobQueue,
    JobState,
    Outcome,
    QueueError,
    QueueUnavailable,
    Resource,
    Sample,
    new_item,
)

LISTED = [state for state in JobState if state is not JobState.CANCELLED]


class Calls:
    """The calls of a worker, of the operator, and of the page and the command, on one queue."""

    def __init__(self, queue: JobQueue, fleet: Fleet, client: JobClient) -> None:
        self._queue, self._fleet, self._client = queue, fleet, client

    async def of_worker(self, held: Claim, other: Claim) -> list[Claim]:
        """Make all calls of a worker that holds two jobs; gives what it claimed.

        Its loops insist on what raises QueueUnavailable; any other error ends the process.
        """
        queue = self._queue
        claims = await self._try(lambda: queue.claim("w", 3, in_hand=1), QueueUnavailable) or []
        claims += await self._try(lambda: queue.claim("w", 3), QueueUnavailable) or []
        for call in (
            lambda: queue.renew([held, other]),
            lambda: queue.emit([(held, "a"), (other, "a")], batch="b"),
            lambda: queue.finish([Finished(held, "answer", Outcome()), Finished(other, "answer", Outcome(), "answer")]),
            lambda: queue.retry(held, "R", "m", delay_seconds=0),
            lambda: queue.bury(held, "R", "m"),
            lambda: queue.postpone(held, "R", "m", delay_seconds=0),
            lambda: queue.lose(held, "R", "m"),
            lambda: queue.release(held),
            lambda: queue.report_fault("a fault"),
            lambda: queue.register("w", seconds=90),
            lambda: queue.unregister("w"),
            queue.maintain,
            queue.dangers,
        ):
            await self._try(call, QueueUnavailable)
        return claims

    async def of_operator(self) -> None:
        """Make all calls of the operator."""
        queue = self._queue
        survey = await self._try(lambda: self._fleet.survey(["jobs", "another"]), QueueUnavailable)
        assert survey is not None, "one queue must not hold up another"
        for call in (
            queue.maintain,
            queue.stats,
            lambda: self._fleet.recover_some(["jobs", "another"]),
            lambda: queue.sample(Sample(0, 1, 1, 1, 1, 1, 1)),
            lambda: queue.note_start(1.0),
            queue.starts,
            lambda: self._fleet.put_workloads([], {"ns/n": Resource({})}),
            lambda: self._fleet.forget_workload("ns", "n"),
        ):
            await self._try(call, QueueUnavailable)

    async def of_reader(self, job_id: str) -> None:
        """Make all calls of who only looks."""
        client = self._client
        calls: tuple[Callable[[], object], ...] = (
            client.stats,
            partial(client.job, job_id),
            partial(client.next_events, job_id),
            client.workloads,
            partial(client.resource, "ns", "n"),
            client.starts,
            partial(client.history, 0),
            *(partial(client.jobs, state) for state in LISTED),
            *(partial(client.search, state, text="ANSWER", since=1.0) for state in JobState),
            *(partial(client.search, state) for state in JobState),
        )
        for call in calls:
            await self._try(partial(asyncio.to_thread, call), QueueError)

    async def of_producer(self, job_id: str) -> None:
        """Make all calls that change something, about this job too."""
        queue = self._queue
        for call in (
            lambda: queue.submit("the same", job_id=job_id),
            lambda: queue.submit("with a key", idempotency_key="key"),
            lambda: queue.submit("later", delay_seconds=1),
            lambda: queue.submit_many([new_item("one"), new_item("two")]),
            lambda: queue.redrive([job_id]),
            queue.redrive_all,
            lambda: queue.cancel(job_id),
        ):
            await self._try(call, QueueError)

    async def _try(self, call: Callable[[], Awaitable[Any]], allowed: type[Exception]) -> Any:
        try:
            return await call()
        except allowed:
            return None
