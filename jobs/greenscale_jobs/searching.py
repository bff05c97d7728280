"""Looking for jobs, in steps that never hold Redis up for long.

Pure: a `Call` is one step; `client` goes on from one to the next.
"""

from typing import Any

import msgspec

from greenscale_jobs.errors import SearchTooLong
from greenscale_jobs.protocol import Call
from greenscale_jobs.reading import read_rows
from greenscale_jobs.records import Job, JobState

SEARCH_SECONDS = 0.3
"""After about so long a search says how far it came: whoever waits wants to see that it goes on."""

LOOK_RECORDS, LOOK_BYTES = 500, 4 * 1024 * 1024
"""What one step looks at at most (one record more than the bytes): some milliseconds of Redis' time."""

MAX_TEXT_BYTES = 1000
"""A longer text is not looked for: where a record is one letter a million times, Redis' time grows with it."""


class Found(msgspec.Struct, frozen=True):
    """Some jobs that fit, and how far was looked."""

    jobs: tuple[Job, ...]
    cursor: int | None
    """Where to go on; None where all was looked at."""
    looked_at: int
    """How many jobs this call looked at."""
    total: int
    """How many there are of this state."""


def look(
    state: JobState, *, text: str, since: float | None, until: float | None, cursor: int, limit: int
) -> Call[Found]:
    """Look at the next some hundred jobs. The cursor is how many are left, 0 at the beginning: new ones come before."""
    wanted = text.encode(errors="replace")
    if len(wanted) > MAX_TEXT_BYTES:
        raise SearchTooLong(
            f"the text to look for has {len(wanted)} bytes, more than the {MAX_TEXT_BYTES} that are allowed: "
            "look for a part of it"
        )
    times = tuple("" if at is None else f"{at:.3f}" for at in (since, until))

    def read(reply: list[Any]) -> Found:
        total, left, *rows = reply
        began = cursor if 0 < cursor <= total else total
        return Found(read_rows(rows, listed=state), left or None, began - left, total)

    return Call("search", (state, wanted, *times, cursor, limit, LOOK_RECORDS, LOOK_BYTES), read)
