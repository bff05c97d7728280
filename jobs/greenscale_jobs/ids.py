"""New jobs' ids."""

import hashlib
import secrets
import time
from collections.abc import Sequence

from greenscale_jobs.records import (
    JOB_ID,
    JOB_ID_RULE,
    InvalidItem,
    Item,
    Parameters,
    Turn,
    check_prompt,
)


def new_id() -> str:
    """Return an id that sorts by time: milliseconds and 40 random bits, in hexadecimal."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


MAX_KEY_CHARS = 255


def keyed_id(idempotency_key: str) -> str:
    """Return the id of the one job that an idempotency key stands for: while that job is known, so is the key.

    Raises:
        InvalidItem: The key has a wrong form.
    """
    if not idempotency_key.strip() or len(idempotency_key) > MAX_KEY_CHARS or not idempotency_key.isprintable():
        raise InvalidItem(
            f"{idempotency_key[:64]!r} is not a valid idempotency key: it must have 1 to {MAX_KEY_CHARS} printable "
            "characters"
        )
    return f"k-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}"


def new_item(
    prompt: str,
    *,
    job_id: str | None = None,
    parameters: Parameters | None = None,
    history: Sequence[Turn] = (),
) -> Item:
    """Return a prompt as the list holds it.

    Raises:
        InvalidItem: The prompt is blank, it is too large with its history, or the id has a wrong form.
    """
    job_id = new_id() if job_id is None else check_id(job_id)
    return check_prompt(Item(job_id, prompt, parameters or Parameters(), tuple(history)))


def check_id(job_id: str) -> str:
    """Return the id if a job may have it.

    Raises:
        InvalidItem: It has a wrong form.
    """
    if not JOB_ID.fullmatch(job_id):
        raise InvalidItem(f"{job_id!r} is not a valid job id: it must have {JOB_ID_RULE}")
    return job_id
