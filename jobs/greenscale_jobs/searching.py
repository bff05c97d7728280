"""Searches for jobs, in steps that never hold Redis up for long.

No I/O, as in `producer`; but it reads the clock, to come back in time.
"""

import time
from collections.abc import Generator
from typing import Any

import msgspec

from greenscale_jobs.errors import SearchTooLong
from greenscale_jobs.keys import Keys
from greenscale_jobs.protocol import Call, Script, script, utf8
from greenscale_jobs.reading import read_rows
from greenscale_jobs.records import Job, JobState

SEARCH_SECONDS = 0.3
"""A search returns after about this time, with how far it came: whoever waits wants to see progress."""

STEP_RECORDS, STEP_BYTES = 500, 4 * 1024 * 1024
"""The most that one step reads (the bytes plus one record): some milliseconds of Redis' time."""

MAX_TEXT_BYTES = 1000
"""A longer text is refused: where a record is one letter a million times, Redis' time grows with the text."""


class Found(msgspec.Struct, frozen=True):
    """Some jobs that match, and how far the search came."""

    jobs: tuple[Job, ...]
    cursor: int | None
    """Where to continue; None where all jobs were searched."""
    looked_at: int
    """How many jobs this call searched."""
    total: int
    """How many there are of this state."""


def search(
    keys: Keys,
    state: JobState,
    *,
    text: str = "",
    since: float | None = None,
    until: float | None = None,
    cursor: int = 0,
    limit: int = 50,
) -> Generator[Call[Any], Any, Found]:
    """Return jobs of one state, in the order of `jobs`; `done` includes the cancelled.

    `text` is searched for in the prompt, the answer, the last error, the id and the worker; the case of the letters A
    to Z does not matter, that of all others does. `since` and `until` (Unix seconds, the latter not included) are
    compared with when a job was finished, else claimed, else submitted.

    It ends when `limit` are found, when all were searched, or after about `SEARCH_SECONDS`; the result's `cursor`
    continues from there. A job that moves between two calls may be found twice or not at all.

    Raises:
        SearchTooLong: `text` has more than 1000 bytes.
    """
    jobs: list[Job] = []
    looked_at, deadline = 0, time.monotonic() + SEARCH_SECONDS
    while True:
        step = yield from search_step(
            keys, state, text=text, since=since, until=until, cursor=cursor, limit=limit - len(jobs)
        )
        jobs += step.jobs
        looked_at += step.looked_at
        if step.cursor is None or len(jobs) >= limit or time.monotonic() > deadline:
            return Found(tuple(jobs), step.cursor, looked_at, step.total)
        cursor = step.cursor


def search_step(
    keys: Keys, state: JobState, *, text: str, since: float | None, until: float | None, cursor: int, limit: int
) -> Script[Found]:
    """Search the next few hundred jobs. The cursor is how many are left, 0 at the beginning: new ones come before."""
    wanted = utf8(text)
    if len(wanted) > MAX_TEXT_BYTES:
        raise SearchTooLong(
            f"the text to search for has {len(wanted)} bytes, more than the {MAX_TEXT_BYTES} that are allowed: "
            "search for a part of it"
        )
    times = tuple("" if at is None else f"{at:.3f}" for at in (since, until))

    def read(reply: list[Any]) -> Found:
        total, left, *rows = reply
        began = cursor if 0 < cursor <= total else total
        return Found(read_rows(rows, listed=state), left or None, began - left, total)

    return script(keys, "search", (state, wanted, *times, cursor, limit, STEP_RECORDS, STEP_BYTES), read)
