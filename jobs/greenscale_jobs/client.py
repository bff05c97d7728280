"""The job queue for scripts, the command and the page: submit, look, cancel, send again. No asyncio.

client = JobClient(RedisAddress("localhost"))
job_id = client.submit("Why is the sky blue?")
print(client.result(job_id).result)
"""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar, cast

from redis.exceptions import NoScriptError

from greenscale_jobs import protocol, reading, searching
from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.connection.server_checks import eviction_danger
from greenscale_jobs.errors import FOREIGN_TYPE, REDIS_ERRORS, QueueError, QueueUnavailable, damage, demoted, translate
from greenscale_jobs.keys import DEFAULT_LIST, RESOURCES, WORKLOADS, Keys
from greenscale_jobs.protocol import Call, Page, Redriven
from greenscale_jobs.queue import EVENT_WAIT_SECONDS, NO_EXTRA_KEYS, is_over, may_be_over
from greenscale_jobs.records import Event, Item, Job, JobState, Parameters, Turn
from greenscale_jobs.samples import USUAL_STARTS, Sample, Start, read_samples, read_starts
from greenscale_jobs.scripts import script_sha, script_text
from greenscale_jobs.searching import SEARCH_SECONDS, Found
from greenscale_jobs.workloads import Resource, Stats, WorkloadStatus

T = TypeVar("T")


class JobClient:
    """One queue, seen from outside. Safe to share between threads.

    Methods raise QueueUnavailable while Redis cannot be used; the caller may try again.
    """

    def __init__(self, address: RedisAddress, list_name: str = DEFAULT_LIST) -> None:
        self.address = address
        self.keys = Keys(list_name)
        self._redis = address.connect_plain()

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        """Return the client; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def submit(
        self,
        prompt: str,
        *,
        job_id: str | None = None,
        parameters: Parameters | None = None,
        history: Sequence[Turn] = (),
        idempotency_key: str | None = None,
        delay_seconds: float = 0,
        at: dt.datetime | None = None,
    ) -> str:
        """Put one prompt on the list and return its job's id; `history` is what was said before it, oldest first.

        With `delay_seconds` or `at` it waits among the delayed until then; a time that has passed is now. The same
        `idempotency_key` gives the same job for as long as that is known, whatever became of it.
        Whoever gets no answer (QueueUnavailable) may submit again with the same key, or with the same `job_id`:
        DuplicateJob then means that it was heard the first time.

        Raises:
            InvalidItem: The prompt is blank, it is too large with its history, or the id, the key or the time has a
                wrong form.
            QueueFull: `maxLength` jobs wait already, be it for a worker or for their time.
            DuplicateJob: A job with this id exists.
            KeyReused: The key stands for another prompt, other parameters or another history.
        """
        return self._run(
            protocol.submit(
                prompt,
                job_id=job_id,
                parameters=parameters,
                history=history,
                idempotency_key=idempotency_key,
                delay_seconds=delay_seconds,
                at=at,
            )
        )

    def submit_many(
        self,
        items: Sequence[Item],
        *,
        delay_seconds: float = 0,
        at: dt.datetime | None = None,
        again: bool = False,
    ) -> None:
        """Put all of these on the list or among the delayed, or none; raises as `submit` does.

        With `again` those that are known already and are the very same stay as they are, whatever became of them:
        whoever got no answer, or stopped half-way, may send all of them once more.
        """
        self._run(protocol.submit_many(items, delay_seconds=delay_seconds, at=at, again=again))

    def eviction_danger(self) -> str | None:
        """Return how this Redis may throw jobs away when its memory is full, with the remedy; None where it does not.

        The text goes on from "Redis at host:port".
        """
        info = self._guard(lambda: self._redis.info("memory"))
        return eviction_danger({name: str(value) for name, value in info.items()})

    def cancel(self, job_id: str) -> JobState:
        """Cancel a job and return the state it was in; a running one ends when its worker renews next."""
        return self._run(protocol.cancel(job_id))

    def redrive(self, job_ids: Sequence[str]) -> list[str]:
        """Send dead jobs again, with all attempts, and put strays back; return both. `maxLength` does not bar them."""
        return [job_id for call in protocol.redrive(job_ids) for job_id in self._run(call)]

    def redrive_all(self, *, told: Redriven | None = None) -> int:
        """Send again what is dead now, oldest first, in steps that block Redis for an instant; return how many.

        What dies meanwhile is left for the next time.
        """
        left, sent = self.stats().dead, 0
        while left > 0:
            taken, job_ids = self._run(protocol.redrive_oldest(left))
            if taken == 0:  # somebody else sends them too
                break
            left, sent = left - taken, sent + len(job_ids)
            if told:
                told(job_ids, left)
        return sent

    def stats(self) -> Stats:
        """Return the queue's numbers at one instant."""
        return self._run(protocol.stats())

    def job(self, job_id: str) -> Job:
        """Return one job; raises UnknownJob."""
        return self._run(protocol.job(job_id))

    def jobs(self, state: JobState, *, offset: int = 0, limit: int = 50) -> Page:
        """Return some jobs of one state; `done` holds the cancelled too."""
        return self._run(protocol.page(state, offset=offset, limit=limit))

    def starts(self, limit: int = USUAL_STARTS) -> list[Start]:
        """Return the last starts from zero, newest first."""
        return read_starts(self._guard(lambda: self._redis.xrevrange(self.keys.starts, count=limit)))

    def history(self, since: float) -> list[Sample]:
        """Return the samples since then (Unix seconds), oldest first; before them the last one that is older, if any.

        Between two samples the lengths were those of the first; a busy queue is sampled often, a quiet one when it
        changes.
        """
        begin = max(1, int(since * 1000))
        with self._redis.pipeline(transaction=False) as both:
            both.xrevrange(self.keys.history, max=begin - 1, count=1)
            both.xrange(self.keys.history, min=begin)
            before, after = self._guard(both.execute)
        return read_samples([*before, *after])

    def search(
        self,
        state: JobState,
        *,
        text: str = "",
        since: float | None = None,
        until: float | None = None,
        cursor: int = 0,
        limit: int = 50,
    ) -> Found:
        """Return jobs of one state, in the order of `jobs`; `done` holds the cancelled too.

        `text` is looked for as it stands in the prompt, the answer, the last error, the id and the worker; whether the
        letters A to Z are small or capital does not matter, in all others it does. `since` and `until` (Unix seconds,
        the latter not included) are about when a job was finished, else claimed, else submitted.

        It ends when `limit` are found, when all were looked at, or after about `SEARCH_SECONDS`; the `cursor` of what
        was found goes on from there. A job that moves between two calls may be found twice or not at all.

        Raises:
            SearchTooLong: `text` has more than 1000 bytes.
        """
        jobs: list[Job] = []
        looked_at, deadline = 0, time.monotonic() + SEARCH_SECONDS
        while True:
            step = self._run(
                searching.look(state, text=text, since=since, until=until, cursor=cursor, limit=limit - len(jobs))
            )
            jobs += step.jobs
            looked_at += step.looked_at
            if step.cursor is None or len(jobs) >= limit or time.monotonic() > deadline:
                return Found(tuple(jobs), step.cursor, looked_at, step.total)
            cursor = step.cursor

    def next_events(self, job_id: str, *, after: str = "0", wait_seconds: float = 0) -> list[Event]:
        """Return the events after `after`; waits for one at most so long (0: not at all)."""
        block = int(wait_seconds * 1000) or None
        key = self.keys.events(job_id)
        return reading.read_events(
            self._guard(lambda: self._redis.xread({key: after}, block=block), self.keys.types_of_job(job_id))
        )

    def events(self, job_id: str, *, after: str = "0") -> Iterator[Event]:
        """Yield what happens to a job, from its beginning or after the event `after`, until it is final."""
        while True:
            events = self.next_events(job_id, after=after, wait_seconds=EVENT_WAIT_SECONDS)
            for event in events:
                yield event
                after = event.id
            if is_over(events) or (may_be_over(events) and self.job(job_id).state.final):
                return

    def result(self, job_id: str) -> Job:
        """Wait until a job is final and return it; raises UnknownJob."""
        job = self.job(job_id)
        if not job.state.final:
            for _ in self.events(job_id):
                pass
            job = self.job(job_id)
        return job

    def workloads(self) -> list[WorkloadStatus]:
        """Return all workloads that this Redis knows of."""
        reply = self._guard(lambda: self._redis.hgetall(WORKLOADS), {WORKLOADS: "hash"})
        return reading.read_workloads(cast("dict[bytes, bytes]", reply))

    def resource(self, namespace: str, name: str) -> Resource | None:
        """Return what was applied for a workload and what became of it; None where nobody tells of it."""
        reply = self._guard(lambda: self._redis.hget(RESOURCES, f"{namespace}/{name}"), {RESOURCES: "hash"})
        return reading.read_resource(cast("bytes | None", reply))

    def _run(self, call: Call[T]) -> T:
        args = (self.keys.list_name, "", *call.args)
        types = self.keys.types_of_job(call.job_id) if call.job_id else {}
        return call.read(self._guard(lambda: self._evaluate(call.script, *args), types))

    def _evaluate(self, script: str, *args: protocol.Argument) -> Any:
        try:
            return self._redis.evalsha(script_sha(script), 1, *args)
        except NoScriptError:
            return self._redis.eval(script_text(script), 1, *args)

    def _guard(self, command: Callable[[], T], types: Mapping[str, str] = NO_EXTRA_KEYS) -> T:
        try:
            return command()
        except REDIS_ERRORS as error:
            if demoted(error):
                self._redis.connection_pool.disconnect(inuse_connections=False)
            raise self._meaning(error, types) from error

    def _meaning(self, error: Exception, types: Mapping[str, str]) -> QueueError:
        """Say what an error means; `types` has the keys that were used beside those that the queue has once."""
        if FOREIGN_TYPE not in str(error):
            return translate(error, str(self.address))
        types, found = {**types, **self.keys.types}, []
        with contextlib.suppress(QueueUnavailable):
            found = self._guard(lambda: [cast("bytes", self._redis.type(key)) for key in types])
        return damage(str(self.address), types, found)
