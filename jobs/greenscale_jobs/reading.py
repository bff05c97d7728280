"""Reads what Redis holds: jobs, events, numbers, workloads.

Pure. Anybody may write into Redis, so nothing here fails because of one damaged field or record: what cannot be read
is left out, and a job's errors name those of its fields.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from greenscale_jobs.errors import UnknownJob
from greenscale_jobs.pushed import excerpt_of, parse_item
from greenscale_jobs.records import Event, InvalidItem, Job, JobError, JobState, Outcome, Parameters, UnchargedTries
from greenscale_jobs.workloads import Resource, Stats, WorkloadStatus

T = TypeVar("T")

UNREADABLE = (ValueError, msgspec.DecodeError, RecursionError)
"""What reading a damaged value raises; UnicodeDecodeError is a ValueError."""

MAX_TIMES = 10**9
"""No job was tried so often: a higher number is damage."""

LATEST = 4e9
"""In Unix seconds, the year 2096: a time above is damage, and a float may be more than a calendar can name."""


class _Record(msgspec.Struct):
    """A job's hash, read field by field; remembers which could not be read."""

    fields: dict[str, bytes]
    damaged: list[str] = []

    def read(self, name: str, how: Callable[[bytes], T]) -> T | None:
        """Return a field, or None where it is missing or damaged."""
        if name not in self.fields:
            return None
        try:
            return how(self.fields[name])
        except UNREADABLE:
            self.damaged.append(name)
            return None


def read_job(
    job_id: str,
    fields: dict[str, bytes],
    *,
    ahead: int | None = None,
    listed: JobState | None = None,
    stray: bool = False,
) -> Job:
    """Turn the hash `<list>:job:<id>` into a Job. Where its state cannot be read, it has that in which it is `listed`.

    Raises:
        UnknownJob: Its state cannot be read, and it is listed nowhere.
    """
    record = _Record(fields)
    state = record.read("state", lambda value: JobState(value.decode())) or listed
    if state is None:
        raise damaged(job_id)
    unread = None
    try:
        item = parse_item(fields.get("item", b""), job_id)
        prompt, parameters, history = item.prompt, item.parameters, item.history
    except InvalidItem:
        prompt, parameters, history = None, Parameters(), ()
        unread = excerpt_of(fields.get("item", b"")) or None
    errors = _errors(record)
    job = Job(
        id=job_id,
        state=state,
        prompt=prompt,
        parameters=parameters,
        history=history,
        unread=unread,
        attempts=record.read("attempts", _count) or 0,
        ahead=ahead,
        submitted_at=record.read("submittedAt", _seconds),
        claimed_at=record.read("claimedAt", _seconds),
        due_at=record.read("dueAt", _seconds),
        finished_at=record.read("finishedAt", _seconds),
        worker=record.read("worker", bytes.decode),
        cancelling="cancel" in fields,
        result=record.read("result", bytes.decode),
        outcome=record.read("outcome", _outcome),
        uncharged=_uncharged(record),
        losses=record.read("losses", _count) or 0,
        lost_alone=record.read("lostAlone", _count) or 0,
        suspect=record.read("suspectSince", _seconds) is not None and not state.final,
        stray=stray,
    )
    return msgspec.structs.replace(job, errors=(*errors, *_damages(record)))


def read_rows(rows: Sequence[Any], *, listed: JobState) -> tuple[Job, ...]:
    """Turn pairs of an id and a hash into Jobs."""
    return tuple(read_job(job_id.decode(errors="replace"), mapping(fields), listed=listed) for job_id, fields in rows)


def unknown(job_id: str) -> UnknownJob:
    """Return the error for a job that does not exist."""
    return UnknownJob(f"no job has the id {job_id}: it never existed here, or its result has expired")


def damaged(job_id: str) -> UnknownJob:
    """Return the error for a job whose record has no readable state."""
    return UnknownJob(f"the record of job {job_id} is damaged and has no readable state: repair it, or delete its key")


def _damages(record: _Record) -> list[JobError]:
    """Return an error of the job that names what could not be read."""
    if not record.fields:
        return [JobError("Unreadable", "there is no record of it that can be read")]
    if not record.damaged:
        return []
    names = ", ".join(dict.fromkeys(record.damaged))
    return [JobError("Unreadable", f"its record is damaged; these fields are left out: {names}")]


def _errors(record: _Record) -> list[JobError]:
    lines = record.fields.get("errors", b"").split(b"\n")
    return [error for line in lines if line for error in _error(line, record)]


def _error(line: bytes, record: _Record) -> list[JobError]:
    try:
        error = msgspec.json.decode(line, type=JobError)
        _in_time(error.at)
    except UNREADABLE:
        record.damaged.append("errors")
        return []
    return [error]


def _uncharged(record: _Record) -> UnchargedTries | None:
    count = record.read("unchargedTries", _count)
    if not count:
        return None
    return UnchargedTries(
        count,
        record.read("unchargedFirstAt", _seconds) or 0.0,
        record.read("unchargedLastAt", _seconds) or 0.0,
        record.read("unchargedReason", bytes.decode) or "Unknown",
        record.read("unchargedMessage", bytes.decode) or "",
    )


def _outcome(value: bytes) -> Outcome:
    outcome = msgspec.json.decode(value, type=Outcome)
    _in_time(outcome.first_token_at)
    return outcome


def _count(value: bytes) -> int:
    number = int(value)
    if not 0 <= number <= MAX_TIMES:
        raise ValueError("no count")
    return number


def _seconds(value: bytes) -> float:
    return _in_time(float(value)) or 0.0


def _in_time(at: float | None) -> float | None:
    if at is not None and not 0 <= at <= LATEST:
        raise ValueError("no time")
    return at


def read_events(reply: Any) -> list[Event]:
    """Turn XREAD's reply for one `<list>:events:<id>` into Events; none in time is an empty list.

    One that another client wrote has an empty type: left out, it would be read again and again.
    """
    # redis-py gives a list of pairs over RESP2 and a mapping over RESP3.
    streams = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply or []]
    return [
        Event(
            id=event_id.decode(),
            type=fields.get(b"type", b"").decode(errors="replace"),
            attempt=_or_none(_count, fields.get(b"attempt", b"")) or 0,
            text=fields.get(b"text", b"").decode(errors="replace"),
        )
        for entries in streams
        for event_id, fields in entries
    ]


def read_stats(reply: Sequence[Any]) -> Stats:
    """Turn the reply of the script `stats` into Stats; a counter that is no number is left out."""
    pending, in_flight, delayed, dead, workers, *rest = reply
    fields = {key.decode(errors="replace"): value for key, value in zip(rest[::2], rest[1::2], strict=True)}
    fault, fault_at, fault_until = fields.pop("fault", None), fields.pop("faultAt", b""), fields.pop("faultUntil", b"")
    for name in ("troubleSince", "troubleAt"):  # only the script needs them
        fields.pop(name, None)
    numbers = {name: _or_none(int, value) for name, value in sorted(fields.items())}
    return Stats(
        pending,
        in_flight,
        delayed,
        dead,
        {name: number for name, number in numbers.items() if number is not None},
        None if fault is None else fault.decode(errors="replace"),
        _or_none(_seconds, fault_at),
        _or_none(_seconds, fault_until),
        workers,
    )


def read_workloads(reply: dict[bytes, bytes]) -> list[WorkloadStatus]:
    """Turn the hash `greenscale:workloads` into statuses, by name; what cannot be read is left out."""
    statuses = []
    for value in reply.values():
        # One entry of another version or hand must not hide all others.
        with contextlib.suppress(*UNREADABLE):
            statuses.append(msgspec.json.decode(value, type=WorkloadStatus))
    return sorted(statuses, key=lambda status: (status.namespace, status.name))


def read_resource(value: bytes | None) -> Resource | None:
    """Turn an entry of the hash `greenscale:resources` into a Resource; None where it cannot be read."""
    return None if value is None else _or_none(functools.partial(msgspec.json.decode, type=Resource), value)


def mapping(fields: Sequence[bytes]) -> dict[str, bytes]:
    """Turn the flat reply to HGETALL into a mapping."""
    return {key.decode(errors="replace"): value for key, value in zip(fields[::2], fields[1::2], strict=True)}


def _or_none(how: Callable[[bytes], T], value: bytes) -> T | None:
    try:
        return how(value)
    except UNREADABLE:
        return None
