"""What is said to Redis, and how its answers are read: shared by the asyncio and the plain client.

Pure: a `Call` is a script's name, its arguments and the reading of its reply. `queue` and `client` carry
it over.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from greenscale_jobs.engine_report import TROUBLE_SECONDS
from greenscale_jobs.errors import DuplicateJob, KeyReused, QueueFull, UnknownJob
from greenscale_jobs.ids import check_id, keyed_id, new_item
from greenscale_jobs.reading import damaged, mapping, read_job, read_rows, read_stats
from greenscale_jobs.records import (
    MAX_ITEM_BYTES,
    InvalidItem,
    Item,
    Job,
    JobState,
    Outcome,
    Parameters,
    Turn,
    check_prompt,
)
from greenscale_jobs.workloads import Stats

T = TypeVar("T")
Argument = str | bytes | int | float

MAX_LENGTH = 10_000
"""`queue.maxLength` where neither the resource nor the queue's config says another."""

MAINTENANCE_BATCH = 100
"""Jobs moved by one tending script, so that Redis is never blocked for long."""


MAX_DELAY_SECONDS = 366 * 86_400.0
"""A job that is due later than in a year is taken for a mistake."""

REDRIVE_BATCH = 500
"""Dead jobs sent again by one script, so that Redis is never blocked for long."""

REDRIVE_IDS = 20
"""The same where ids are told: each is looked for among all the dead."""

MAX_MESSAGE_CHARS = 2000
"""Of an error's text so much is kept: it is stored three times, and read by people."""

Redriven = Callable[[Sequence[str], int], None]
"""Told after each step: the ids that were sent again, and how many dead jobs are left to send."""


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One script to run on a queue. The time is put before `args` by whoever runs it."""

    script: str
    args: Sequence[Argument]
    read: Callable[[Any], T]
    job_id: str = ""
    """The one job that it is about, whose record may be what fails."""


class Claim(msgspec.Struct, frozen=True):
    """A job that this worker holds until its lease ends; `token` proves it."""

    id: str
    token: str
    attempt: int
    raw: bytes
    """The item as it was pushed; `records.parse_item` reads it."""
    alone: bool = False
    """Whether it is a suspect: no other job may run beside it."""

    def __repr__(self) -> str:
        """Tell which it is, without the prompt."""
        return f"Claim(id={self.id!r}, attempt={self.attempt})"


class Finished(msgspec.Struct, frozen=True):
    """A claim's result, to be stored."""

    claim: Claim
    text: str
    outcome: Outcome
    unseen: str = ""
    """The piece of the text that has not been emitted yet."""

    def __repr__(self) -> str:
        """Tell whose it is, without the answer."""
        return f"Finished({self.claim})"


class Maintained(msgspec.Struct, frozen=True):
    """How many jobs one tending moved, and in how many seconds the next is due."""

    stranded: int
    expired: int
    due: int
    dead: int
    next_in: float | None


class Page(msgspec.Struct, frozen=True):
    """Some jobs of one state, and how many there are."""

    total: int
    jobs: tuple[Job, ...]


def submit(
    prompt: str,
    *,
    job_id: str | None,
    parameters: Parameters | None,
    history: Sequence[Turn],
    idempotency_key: str | None,
    delay_seconds: float,
    at: dt.datetime | None,
) -> Call[str]:
    """Put one job on the list, or among the delayed. Reads its id; raises as `JobQueue.submit` does."""
    if idempotency_key is not None:
        if job_id is not None:
            raise InvalidItem("give an id or an idempotency key, not both: the key makes the id")
        job_id = keyed_id(idempotency_key)
    item = new_item(prompt, job_id=job_id, parameters=parameters, history=history)
    start = _start(delay_seconds, at)

    def read(reply: list[Any]) -> str:
        if reply[0] == b"reused":
            raise KeyReused(
                f"the idempotency key {idempotency_key!r} stands for another prompt, other parameters "
                f"or another history (job {item.id}): nothing was submitted; use a new key for a new request"
            )
        _read_submitted(reply)
        return item.id

    keyed = "" if idempotency_key is None else "1"
    return Call("submit", [MAX_LENGTH, *start, keyed, item.id, msgspec.json.encode(item)], read, item.id)


def _start(delay_seconds: float, at: dt.datetime | None) -> tuple[Argument, Argument]:
    """Return what the script is told of when a job is due: in how many seconds, or when."""
    if at is not None:
        if delay_seconds:
            raise InvalidItem("give delay_seconds or at, not both")
        if at.tzinfo is None:
            raise InvalidItem(f"at={at.isoformat()} could be anywhere: give it a time zone, at.astimezone(), say")
        return "", at.timestamp()
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise InvalidItem(f"the delay must be from 0 to {MAX_DELAY_SECONDS:.0f} seconds, not {delay_seconds}")
    return (delay_seconds or ""), ""


def submit_many(
    items: Sequence[Item], *, delay_seconds: float = 0, at: dt.datetime | None = None, again: bool = False
) -> Call[None]:
    """Put jobs on the list or among the delayed, all or none; reading raises QueueFull or DuplicateJob.

    With `again` a job that is known already, and is the very same, is left as it is; reading raises KeyReused for one
    that is another.
    """
    args: list[Argument] = [MAX_LENGTH, *_start(delay_seconds, at), "1" if again else ""]
    for item in items:
        args += [check_id(check_prompt(item).id), msgspec.json.encode(item)]

    def read(reply: list[Any]) -> None:
        if reply[0] == b"reused":
            raise KeyReused(
                f"the id {reply[1].decode()} stands for another prompt, other parameters or another history: "
                "nothing was submitted; use a new id or key for a new request"
            )
        _read_submitted(reply)

    return Call("submit", args, read)


def _read_submitted(reply: list[Any]) -> None:
    if reply[0] == b"full":
        raise QueueFull(
            f"the queue is full: {reply[1]} of at most {reply[2]} jobs wait (queue.maxLength); "
            "nothing was submitted; try again when workers have caught up"
        )
    if reply[0] == b"duplicate":
        raise DuplicateJob(f"a job with the id {reply[1].decode()} exists already: nothing was submitted")


def claim(
    count: int, *, in_hand: int, suspect_first: bool, lease_seconds: float, worker: str, token: str, seed: str
) -> Call[list[Claim] | None]:
    """Lease up to `count` jobs, or one suspect. Reads None where nothing may be claimed now."""

    def read(reply: list[Any]) -> list[Claim] | None:
        if reply[0] in {b"paused", b"hold"}:
            return None
        alone = reply[0] == b"alone"
        triples = zip(reply[1::3], reply[2::3], reply[3::3], strict=True)
        return [Claim(job_id.decode(), token, attempt, raw, alone) for job_id, raw, attempt in triples]

    args = (count, lease_seconds, _text(worker), token, seed, MAX_ITEM_BYTES, in_hand, int(suspect_first))
    return Call("claim", args, read)


def renew(claims: Sequence[Claim], *, lease_seconds: float) -> Call[list[str]]:
    """Prolong leases. Reads for each claim: held, cancel or lost."""
    args: list[Argument] = [lease_seconds]
    for held in claims:
        args += [held.id, held.token]
    return Call("renew", args, lambda reply: [standing.decode() for standing in reply])


def emit(pieces: Iterable[tuple[Claim, str]], *, batch: str) -> Call[None]:
    """Append pieces of answers to their streams, each batch once."""
    args: list[Argument] = [batch]
    for held, text in pieces:
        args += [held.id, held.token, held.attempt, _text(text)]
    return Call("emit", args, lambda _: None)


def finish(results: Sequence[Finished], *, result_ttl_seconds: int) -> Call[list[bool]]:
    """Store results and drop their claims. Reads for each whether its claim still held."""
    args: list[Argument] = [result_ttl_seconds]
    for result in results:
        usage = result.outcome.usage
        args += [
            result.claim.id,
            result.claim.token,
            _outcome(result.outcome),
            _text(result.text),
            _text(result.unseen),
            (usage and usage.total) or "",
        ]
    return Call("finish", args, lambda reply: [bool(stored) for stored in reply])


def give_up(
    held: Claim, how: str, *, delay_seconds: float = 0, reason: str = "", message: str = "", limit: float = 0
) -> Call[str]:
    """End an attempt without a result: how is the script's word. Reads the new state, or `lost`."""
    args = (held.id, held.token, how, delay_seconds, _text(reason), _message(message), limit)
    return Call("give_up", args, lambda reply: str(reply.decode()))


def register(worker: str, *, seconds: float) -> Call[None]:
    """Count a worker as alive for so many seconds; 0 is no longer."""
    return Call("register", (_text(worker), seconds), lambda _: None)


def report_fault(message: str, *, after_seconds: float, news_seconds: float) -> Call[float]:
    """Note what keeps the engine from working at all. Reads in how many seconds it is to be reported, 0 if it is."""
    args = (_message(message), after_seconds, news_seconds, TROUBLE_SECONDS)
    return Call("report_fault", args, float)


def cancel(job_id: str) -> Call[JobState]:
    """Cancel a job. Reads the state it was in; a final one stays as it is. Reading raises UnknownJob."""

    def read(reply: bytes | None) -> JobState:
        if reply is None:
            raise _unknown(job_id)
        try:
            return JobState(reply.decode())
        except ValueError:
            raise damaged(job_id) from None

    return Call("cancel", (_text(job_id),), read, job_id)


def redrive(job_ids: Sequence[str]) -> list[Call[list[str]]]:
    """Send dead jobs again and put strays back, step by step. Each reads the ids of those that were either."""
    ids = [_text(job_id) for job_id in job_ids]
    steps = [ids[first : first + REDRIVE_IDS] for first in range(0, len(ids), REDRIVE_IDS)]
    return [Call("redrive", step, lambda reply: [job_id.decode() for job_id in reply]) for step in steps]


def redrive_oldest(left: int) -> Call[tuple[int, list[str]]]:
    """Send the oldest dead jobs again, a step of `left`. Reads how many are off the dead, and the ids of those sent."""

    def read(reply: list[Any]) -> tuple[int, list[str]]:
        taken, *sent = reply
        return taken, [job_id.decode() for job_id in sent]

    return Call("redrive_oldest", (min(left, REDRIVE_BATCH),), read)


def recover(job_ids: Sequence[str], *, if_none_waits: bool) -> Call[list[str]]:
    """Put back jobs that are not where their records say. Reads the ids of those that were."""
    args: list[Argument] = [int(if_none_waits), *(_text(job_id) for job_id in job_ids)]
    return Call("recover", args, lambda reply: [job_id.decode() for job_id in reply])


def configure(*, max_length: int, result_ttl_seconds: int, paused: bool) -> Call[None]:
    """Write what the resource says of a queue."""
    return Call("configure", (max_length, result_ttl_seconds, int(paused)), lambda _: None)


def maintain(*, max_losses: int) -> Call[Maintained]:
    """Move on stranded claims, expired leases and due retries."""

    def read(reply: list[Any]) -> Maintained:
        stranded, expired, due, dead, next_in = reply
        return Maintained(stranded, expired, due, dead, float(next_in) if next_in else None)

    return Call("maintain", (max_losses, MAINTENANCE_BATCH), read)


def stats() -> Call[Stats]:
    """Read the queue's numbers."""
    return Call("stats", (), read_stats)


def job(job_id: str) -> Call[Job]:
    """Read one job; reading raises UnknownJob."""

    def read(reply: list[Any]) -> Job:
        if not reply:
            raise _unknown(job_id)
        ahead, stray, *fields = reply
        return read_job(job_id, mapping(fields), ahead=None if ahead == b"" else int(ahead), stray=stray == b"1")

    return Call("job", (_text(job_id),), read, job_id)


def page(state: JobState, *, offset: int = 0, limit: int = 50) -> Call[Page]:
    """Read some jobs of one state; `done` holds the cancelled too.

    Raises:
        ValueError: `state` is `cancelled`, which has no list of its own.
    """
    if state is JobState.CANCELLED:
        raise ValueError("the cancelled are listed among the done: ask for JobState.DONE")

    def read(reply: list[Any]) -> Page:
        total, *rows = reply
        return Page(int(total), read_rows(rows, listed=state))

    return Call("page", (state, offset, limit), read)


def _unknown(job_id: str) -> UnknownJob:
    return UnknownJob(f"no job has the id {job_id}: it never existed here, or its result has expired")


def _text(text: str) -> bytes:
    """Return any text as UTF-8: half a surrogate pair, which an engine may well stream, is a question mark."""
    return text.encode(errors="replace")


def _message(text: str) -> bytes:
    """Return an error's text as it is stored."""
    return _text(text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]} ...")


def _outcome(outcome: Outcome) -> bytes:
    try:
        return msgspec.json.encode(outcome)
    except UnicodeEncodeError:
        told = {
            name: _text(value).decode()
            for name, value in msgspec.structs.asdict(outcome).items()
            if isinstance(value, str)
        }
        return msgspec.json.encode(msgspec.structs.replace(outcome, **told))
