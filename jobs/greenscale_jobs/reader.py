"""What anyone may read of a queue: its numbers, its jobs, its past, and the workloads of its Redis.

Pure, as `producer` is. `event_stream` reads the events of one job, `searching` looks for jobs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from greenscale_jobs import reading
from greenscale_jobs.connection import server_checks
from greenscale_jobs.keys import RESOURCES, WORKLOADS, Keys
from greenscale_jobs.protocol import Commands, Script, ignore, script, types_of, utf8
from greenscale_jobs.records import Job, JobState
from greenscale_jobs.samples import USUAL_STARTS, Sample, Start, read_samples, read_starts
from greenscale_jobs.workloads import Resource, Stats, WorkloadStatus


class Page(msgspec.Struct, frozen=True):
    """Some jobs of one state, and how many there are."""

    total: int
    jobs: tuple[Job, ...]


def stats(keys: Keys) -> Script[Stats]:
    """Return the queue's numbers at one instant."""
    return script(keys, "stats", (), reading.read_stats)


def job(keys: Keys, job_id: str) -> Script[Job]:
    """Return one job.

    Raises:
        UnknownJob: No job has this id.
    """

    def read(reply: list[Any]) -> Job:
        if not reply:
            raise reading.unknown(job_id)
        ahead, stray, *flat = reply
        fields = reading.mapping(flat)
        return reading.read_job(job_id, fields, ahead=None if ahead == b"" else int(ahead), stray=stray == b"1")

    return script(keys, "job", (utf8(job_id),), read, job_id=job_id)


def jobs(keys: Keys, state: JobState, *, offset: int = 0, limit: int = 50) -> Script[Page]:
    """Return some jobs of one state; `done` includes the cancelled.

    Raises:
        ValueError: `state` is `cancelled`, which has no list of its own.
    """
    if state is JobState.CANCELLED:
        raise ValueError("the cancelled are listed among the done: ask for JobState.DONE")

    def read(reply: list[Any]) -> Page:
        total, *rows = reply
        return Page(int(total), reading.read_rows(rows, listed=state))

    return script(keys, "page", (state, offset, limit), read)


def starts(keys: Keys, limit: int = USUAL_STARTS) -> Commands[list[Start]]:
    """Return the last starts from zero, newest first."""
    newest_first = ("XREVRANGE", keys.starts, "+", "-", "COUNT", limit)
    return Commands([newest_first], lambda replies: read_starts(replies[0]), lambda: types_of(keys))


def history(keys: Keys, since: float) -> Commands[list[Sample]]:
    """Return the samples since then (Unix seconds), oldest first; before them the last older one, if any.

    Between two samples the lengths were those of the first: a busy queue is sampled often, a quiet one when it
    changes.
    """
    begin = max(1, int(since * 1000))
    last_before = ("XREVRANGE", keys.history, begin - 1, "-", "COUNT", 1)
    after = ("XRANGE", keys.history, begin, "+")

    def read(replies: Sequence[Any]) -> list[Sample]:
        older, newer = replies
        return read_samples([*older, *newer])

    return Commands([last_before, after], read, lambda: types_of(keys))


def workloads(keys: Keys) -> Commands[list[WorkloadStatus]]:
    """Return all workloads that this Redis knows."""
    return Commands(
        [("HGETALL", WORKLOADS)],
        lambda replies: reading.read_workloads(replies[0]),
        lambda: {WORKLOADS: "hash", **types_of(keys)},
    )


def resource(keys: Keys, namespace: str, name: str) -> Commands[Resource | None]:
    """Return what was applied for a workload and what became of it; None where nothing is reported."""
    return Commands(
        [("HGET", RESOURCES, f"{namespace}/{name}")],
        lambda replies: reading.read_resource(replies[0]),
        lambda: {RESOURCES: "hash", **types_of(keys)},
    )


def eviction_danger(keys: Keys) -> Commands[str | None]:
    """Return how this Redis may evict jobs when its memory is full, with the remedy; None where it does not.

    The text continues "Redis at host:port".
    """

    def read(replies: Sequence[Any]) -> str | None:
        info: Mapping[str, Any] = replies[0]
        return server_checks.eviction_danger({name: str(value) for name, value in info.items()})

    return Commands([("INFO", "memory")], read, lambda: types_of(keys))


def ping(keys: Keys) -> Commands[None]:
    """Raise QueueUnavailable unless Redis answers."""
    return Commands([("PING",)], ignore, lambda: types_of(keys))
