"""The job queue for scripts, the command and the page: submit, look, cancel, send again. No asyncio.

client = JobClient(RedisAddress("localhost"))
job_id = client.submit("Why is the sky blue?")
print(client.result(job_id).result)
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar, cast

from redis.exceptions import NoScriptError

from greenscale_jobs import calls
from greenscale_jobs.address import RedisAddress
from greenscale_jobs.calls import Call, Page
from greenscale_jobs.errors import THEIRS, demoted, translate
from greenscale_jobs.ids import new_item
from greenscale_jobs.keys import DEFAULT_LIST, WORKLOADS, Keys
from greenscale_jobs.queue import EVENT_WAIT_SECONDS
from greenscale_jobs.records import (
    Event,
    Item,
    Job,
    JobState,
    Parameters,
    Stats,
    WorkloadStatus,
    check_prompt,
)

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

    def submit(self, prompt: str, *, job_id: str | None = None, parameters: Parameters | None = None) -> str:
        """Put one prompt on the list and return its job's id.

        Whoever gets no answer (QueueUnavailable) may submit again with the same `job_id`: DuplicateJob then means
        that it was heard the first time.

        Raises:
            InvalidItem: The prompt is blank or too large, or the id has a wrong form.
            QueueFull: `maxLength` jobs wait already.
            DuplicateJob: A job with this id exists.
        """
        item = new_item(prompt, job_id=job_id, parameters=parameters)
        self.submit_many([item])
        return item.id

    def submit_many(self, items: Sequence[Item]) -> None:
        """Put all of these on the list, or none; raises as `submit` does."""
        self._run(calls.submit([check_prompt(item) for item in items]))

    def cancel(self, job_id: str) -> JobState:
        """Cancel a job and return the state it was in; a running one ends when its worker renews next."""
        return self._run(calls.cancel(job_id))

    def redrive(self, job_ids: Sequence[str]) -> list[str]:
        """Send dead jobs again, with all attempts; return those that were dead."""
        return self._run(calls.redrive(job_ids))

    def stats(self) -> Stats:
        """Return the queue's numbers at one instant."""
        return self._run(calls.stats())

    def job(self, job_id: str) -> Job:
        """Return one job; raises UnknownJob."""
        return self._run(calls.job(job_id))

    def jobs(self, state: JobState, *, offset: int = 0, limit: int = 50) -> Page:
        """Return some jobs of one state; `done` holds the cancelled too."""
        return self._run(calls.page(state, offset=offset, limit=limit))

    def next_events(self, job_id: str, *, after: str = "0", wait_seconds: float = 0) -> list[Event]:
        """Return the events after `after`; waits for one at most so long (0: not at all)."""
        block = int(wait_seconds * 1000) or None
        return calls.read_events(self._guard(lambda: self._redis.xread({self.keys.events(job_id): after}, block=block)))

    def events(self, job_id: str, *, after: str = "0") -> Iterator[Event]:
        """Yield what happens to a job, from its beginning or after the event `after`, until it is final."""
        while True:
            events = self.next_events(job_id, after=after, wait_seconds=EVENT_WAIT_SECONDS)
            for event in events:
                yield event
                after = event.id
                if event.final:
                    return
            if not events and self.job(job_id).state.final:
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
        reply = self._guard(lambda: self._redis.hgetall(WORKLOADS))
        return calls.read_workloads(cast("dict[bytes, bytes]", reply))

    def _run(self, call: Call[T]) -> T:
        args = (self.keys.list_name, "", *call.args)
        return call.read(self._guard(lambda: self._evaluate(call.script, *args)))

    def _evaluate(self, script: str, *args: calls.Argument) -> Any:
        try:
            return self._redis.evalsha(calls.script_sha(script), 1, *args)
        except NoScriptError:
            return self._redis.eval(calls.script_text(script), 1, *args)

    def _guard(self, command: Callable[[], T]) -> T:
        try:
            return command()
        except THEIRS as error:
            if demoted(error):
                self._redis.connection_pool.disconnect(inuse_connections=False)
            raise translate(error, str(self.address)) from error
