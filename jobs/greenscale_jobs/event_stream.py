"""Reads what happens to one job, until it is final.

Pure, as `producer` is: an `EventStream` says what to read next, and the runners read it.
"""

from collections.abc import Generator, Sequence
from typing import Any

from greenscale_jobs import reader
from greenscale_jobs.keys import Keys
from greenscale_jobs.protocol import Argument, Call, Commands, types_of
from greenscale_jobs.reading import read_events
from greenscale_jobs.records import Event, Job

EVENT_WAIT_SECONDS = 2.0
"""How long one read waits for a job's next event; below the command timeout."""


class EventStream:
    """The events of one job, from one on."""

    def __init__(self, keys: Keys, job_id: str, after: str) -> None:
        self._keys, self._job_id, self._after = keys, job_id, after
        self._last_read: Sequence[Event] | None = None

    def read_on(self) -> Generator[Call[Any], Any, Sequence[Event] | None]:
        """Return the next events, none if none came in time; None where no event will follow."""
        if self._last_read is not None and (yield from self._is_over(self._last_read)):
            return None
        events = yield from next_events(self._keys, self._job_id, after=self._after, wait_seconds=EVENT_WAIT_SECONDS)
        if events:
            self._after = events[-1].id
        self._last_read = events
        return events

    def _is_over(self, events: Sequence[Event]) -> Generator[Call[Any], Any, bool]:
        """Return whether no event will follow these, the last that were read."""
        if events and events[-1].type in {"done", "cancelled"}:
            return True
        if events and not events[-1].final:
            return False
        # The stream may have expired; and a dead job may have been redriven.
        return (yield from reader.job(self._keys, self._job_id)).state.final


def events(keys: Keys, job_id: str, *, after: str = "0") -> EventStream:
    """Yield what happens to a job, from its beginning or after the event `after`, until it is final."""
    return EventStream(keys, job_id, after)


def next_events(keys: Keys, job_id: str, *, after: str = "0", wait_seconds: float = 0) -> Commands[list[Event]]:
    """Return the events after `after`; waits at most `wait_seconds` for one (0: not at all)."""
    block: tuple[Argument, ...] = ("BLOCK", int(wait_seconds * 1000)) if int(wait_seconds * 1000) else ()
    read = ("XREAD", *block, "STREAMS", keys.events(job_id), after)
    return Commands([read], lambda replies: read_events(replies[0]), lambda: types_of(keys, job_id))


def result(keys: Keys, job_id: str) -> Generator[Call[Any], Any, Job]:
    """Wait until a job is final and return it.

    Raises:
        UnknownJob: No job has this id.
    """
    job = yield from reader.job(keys, job_id)
    if not job.state.final:
        stream = EventStream(keys, job_id, "0")
        while (yield from stream.read_on()) is not None:
            pass
        job = yield from reader.job(keys, job_id)
    return job
