"""How long an engine asks us to wait, by its headers or its body. Pure, except for the clock that dates need."""

import email.utils
import math
import re
import time
from collections.abc import Mapping

MAX_WAIT_SECONDS = 3600.0
"""An engine that asks for more is asked again after an hour."""

MAX_RESET_SECONDS = 60.0
"""A limit that says when it is full again is asked again after a minute at most: it may have been raised."""

RATE_LIMITED = 429

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def wait_seconds(status: int, headers: Mapping[str, str], in_body: float | None) -> float | None:
    """Return the seconds that were asked for: `retry-after-ms`, Retry-After, the body's; None where there is none.

    `headers`: lower-case names. The resets of rate limits count where nothing else does, on a 429.
    """
    asked = _milliseconds(headers.get("retry-after-ms", ""))
    if asked is None:
        asked = _retry_after(headers.get("retry-after", ""))
    if asked is None:
        asked = in_body
    if asked is None and status == RATE_LIMITED:
        return _reset(headers)
    return None if asked is None else min(MAX_WAIT_SECONDS, max(0.0, asked))


def _milliseconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else number / 1000


def _retry_after(text: str) -> float | None:
    """Read a number of seconds, or a date of RFC 9110."""
    number = _number(text)
    if number is not None or not text.strip():
        return number
    try:
        return email.utils.parsedate_to_datetime(text.strip()).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return when a limit is full again: `x-ratelimit-reset-X` where `x-ratelimit-remaining-X` is 0."""
    waits = []
    for name, value in headers.items():
        before, found, which = name.partition("ratelimit-remaining")
        if found and _number(value) == 0:
            wait = _duration(headers.get(f"{before}ratelimit-reset{which}", ""))
            waits += [] if wait is None else [wait]
    return min(MAX_RESET_SECONDS, max(waits)) if waits else None


def _duration(text: str) -> float | None:
    """Read `12`, `7.66s`, `6m0s`, `20ms`, or a Unix time in seconds or milliseconds."""
    number = _number(text)
    if number is not None:
        now = time.time()
        if number > now / 2:  # a time, in seconds or in milliseconds
            number = (number / 1000 if number > now * 100 else number) - now
        return max(0.0, number)
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text.strip())
    if not parts or "".join(amount + unit for amount, unit in parts) != text.strip():
        return None
    return sum(float(amount) * UNITS[unit] for amount, unit in parts)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
