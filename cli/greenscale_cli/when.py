"""When a job is due, as a person says it.

Pure.
"""

import contextlib
import datetime as dt
import re

from greenscale_cli.exits import Exit, Fault
from greenscale_jobs.calls import MOST_DELAY_SECONDS

UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def past_of(text: str, *, option: str, now: dt.datetime) -> float:
    """Return the Unix seconds of `2h` (so long ago) or of a time, in this machine's zone unless it names one.

    Raises:
        Fault: It is neither.
    """
    with contextlib.suppress(Fault):
        return now.timestamp() - seconds_of(text)
    try:
        return dt.datetime.fromisoformat(text.strip()).astimezone(None).timestamp()
    except (ValueError, OverflowError):
        raise Fault(f"{option} {text!r} is no time: say 2h, 30m, 1d, or 2026-11-26T09:00", Exit.USAGE) from None


def seconds_of(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `1h30m` or `2d`.

    Raises:
        Fault: It is no such length, or longer than a year.
    """
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip(), re.ASCII)
    if not text.strip() or parts is None:
        raise Fault(f"--in {text!r} is no length of time: say 90s, 10m, 1h30m or 2d", Exit.USAGE)
    seconds = sum(int(number or 0) * unit for number, unit in zip(parts.groups(), UNIT_SECONDS.values(), strict=True))
    if seconds > MOST_DELAY_SECONDS:
        raise Fault(f"--in {text!r} is more than a year", Exit.USAGE)
    return seconds


def moment_of(text: str, *, now: dt.datetime) -> dt.datetime:
    """Return the time of `2026-11-26T09:00`, in this machine's time zone unless it names one.

    Raises:
        Fault: It is no such time, has passed, or is more than a year away.
    """
    try:
        moment = dt.datetime.fromisoformat(text.strip()).astimezone(None)
    except (ValueError, OverflowError):
        raise Fault(
            f"--at {text!r} is no time: say 2026-11-26T09:00, or with its zone 2026-11-26T09:00+01:00", Exit.USAGE
        ) from None
    if moment <= now:
        raise Fault(f"--at {text!r} has passed: it is {now.astimezone(None).isoformat(timespec='seconds')}", Exit.USAGE)
    if (moment - now).total_seconds() > MOST_DELAY_SECONDS:
        raise Fault(f"--at {text!r} is more than a year away", Exit.USAGE)
    return moment
