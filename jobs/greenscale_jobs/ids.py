"""New jobs' ids."""

import secrets
import time

from greenscale_jobs.records import (
    JOB_ID,
    JOB_ID_RULE,
    InvalidItem,
    Item,
    Parameters,
    check_prompt,
)


def new_id() -> str:
    """Return an id that sorts by time: milliseconds and 40 random bits, in hexadecimal."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def new_item(prompt: str, *, job_id: str | None = None, parameters: Parameters | None = None) -> Item:
    """Return a prompt as the list holds it.

    Raises:
        InvalidItem: The prompt is blank or too large, or the id has a wrong form.
    """
    if job_id is not None and not JOB_ID.fullmatch(job_id):
        raise InvalidItem(f"{job_id!r} is no job id: it must have {JOB_ID_RULE}")
    return check_prompt(Item(job_id or new_id(), prompt, parameters or Parameters()))
