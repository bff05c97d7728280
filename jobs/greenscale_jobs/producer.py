"""What a producer does with a queue: submit, cancel and redrive jobs.

Pure: each function describes the calls that `JobQueue` (asyncio) and `JobClient` (blocking) make; their methods have
the same names, parameters and docstrings.
"""

import datetime as dt
from collections.abc import Callable, Generator, Sequence
from typing import Any

import msgspec

from greenscale_jobs import reader
from greenscale_jobs.errors import DuplicateJob, KeyReused, QueueFull
from greenscale_jobs.ids import check_id, keyed_id, new_item
from greenscale_jobs.keys import Keys
from greenscale_jobs.protocol import Argument, Call, Script, read_ids, script, utf8
from greenscale_jobs.reading import damaged, unknown
from greenscale_jobs.records import InvalidItem, Item, JobState, Parameters, Turn, check_prompt

MAX_LENGTH = 10_000
"""`queue.maxLength` where neither the resource nor the queue's config sets it."""

MAX_DELAY_SECONDS = 366 * 86_400.0
"""A delay of more than a year is rejected as a mistake."""

REDRIVE_BATCH = 500
"""Dead jobs redriven by one script, so that Redis is never blocked for long."""

REDRIVE_IDS = 20
"""The same where ids are given: each is searched for among all the dead."""

OnStep = Callable[[Sequence[str], int], None]
"""Called after each step of a redrive: the ids that were redriven, and how many dead jobs are left to redrive."""


def submit(
    keys: Keys,
    prompt: str,
    *,
    job_id: str | None = None,
    parameters: Parameters | None = None,
    history: Sequence[Turn] = (),
    idempotency_key: str | None = None,
    delay_seconds: float = 0,
    at: dt.datetime | None = None,
) -> Script[str]:
    """Put one prompt on the list and return its job's id; `history`: the turns before it, oldest first.

    With `delay_seconds` or `at` the job waits among the delayed until then; a time in the past means now. The same
    `idempotency_key` gives the same job for as long as that job is known, whatever became of it.
    A caller that gets no answer (QueueUnavailable) may submit again with the same key, or with the same `job_id`:
    DuplicateJob then means that the first request was carried out.

    Raises:
        InvalidItem: The prompt is blank, it is too large with its history, or the id, the key or the time has a
            wrong form.
        QueueFull: `maxLength` jobs wait already, for a worker or for their time.
        DuplicateJob: A job with this id exists.
        KeyReused: The key stands for another prompt, other parameters or another history.
    """
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
        _check_submitted(reply)
        return item.id

    args = (MAX_LENGTH, *start, item.id, msgspec.json.encode(item))
    name = "submit" if idempotency_key is None else "submit_again"
    return script(keys, name, args, read, job_id=item.id)


def submit_many(
    keys: Keys, items: Sequence[Item], *, delay_seconds: float = 0, at: dt.datetime | None = None, again: bool = False
) -> Script[None]:
    """Put all of these on the list or among the delayed, or none; raises as `submit` does.

    With `again`, jobs that are known already and are exactly the same stay as they are, whatever became of them: a
    caller that got no answer, or stopped half-way, may submit all of them once more.
    """
    args: list[Argument] = [MAX_LENGTH, *_start(delay_seconds, at)]
    for item in items:
        args += [check_id(check_prompt(item).id), msgspec.json.encode(item)]

    def read(reply: list[Any]) -> None:
        if reply[0] == b"reused":
            raise KeyReused(
                f"the id {reply[1].decode()} stands for another prompt, other parameters or another history: "
                "nothing was submitted; use a new id or key for a new request"
            )
        _check_submitted(reply)

    return script(keys, "submit_again" if again else "submit", args, read)


def _start(delay_seconds: float, at: dt.datetime | None) -> tuple[Argument, Argument]:
    """Return the script's two arguments that say when a job is due: in how many seconds, or when."""
    if at is not None:
        if delay_seconds:
            raise InvalidItem("give delay_seconds or at, not both")
        if at.tzinfo is None:
            raise InvalidItem(f"at={at.isoformat()} has no time zone: add one, for example with at.astimezone()")
        return "", at.timestamp()
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise InvalidItem(f"the delay must be from 0 to {MAX_DELAY_SECONDS:.0f} seconds, not {delay_seconds}")
    return (delay_seconds or ""), ""


def _check_submitted(reply: list[Any]) -> None:
    if reply[0] == b"full":
        raise QueueFull(
            f"the queue is full: {reply[1]} of at most {reply[2]} jobs wait (queue.maxLength); "
            "nothing was submitted; try again when workers have caught up"
        )
    if reply[0] == b"duplicate":
        raise DuplicateJob(f"a job with the id {reply[1].decode()} exists already: nothing was submitted")


def cancel(keys: Keys, job_id: str) -> Script[JobState]:
    """Cancel a job and return the state it was in; a running one ends when its worker renews next.

    A final state stays as it is.

    Raises:
        UnknownJob: No job has this id.
    """

    def read(reply: bytes | None) -> JobState:
        if reply is None:
            raise unknown(job_id)
        try:
            return JobState(reply.decode())
        except ValueError:
            raise damaged(job_id) from None

    return script(keys, "cancel", (utf8(job_id),), read, job_id=job_id)


def redrive(keys: Keys, job_ids: Sequence[str]) -> Generator[Call[Any], Any, list[str]]:
    """Retry dead jobs, with all attempts, and put strays back; return both. `maxLength` does not apply."""
    ids = [utf8(job_id) for job_id in job_ids]
    sent: list[str] = []
    for first in range(0, len(ids), REDRIVE_IDS):
        sent += yield from script(keys, "redrive", ids[first : first + REDRIVE_IDS], read_ids)
    return sent


def redrive_all(keys: Keys, *, on_step: OnStep | None = None) -> Generator[Call[Any], Any, int]:
    """Send all jobs that are dead now again, oldest first, and return how many; each step blocks Redis only briefly.

    Jobs that die meanwhile are left for the next time.
    """
    left, sent = (yield from reader.stats(keys)).dead, 0
    while left > 0:
        taken, job_ids = yield from _redrive_oldest(keys, left)
        if taken == 0:  # another caller redrives them too
            break
        left, sent = left - taken, sent + len(job_ids)
        if on_step:
            on_step(job_ids, left)
    return sent


def _redrive_oldest(keys: Keys, left: int) -> Script[tuple[int, list[str]]]:
    """Redrive one step of the `left` oldest dead jobs. Reads how many entries were taken, and the ids redriven."""

    def read(reply: list[Any]) -> tuple[int, list[str]]:
        taken, *sent = reply
        return taken, read_ids(sent)

    return script(keys, "redrive_oldest", (min(left, REDRIVE_BATCH),), read)
