"""Reads the times of --in, --at, --since and --until.

Pure.
"""

import contextlib
import datetime as dt
import re

from greenscale_cli.exits import CommandError, Exit
from greenscale_jobs.producer import MAX_DELAY_SECONDS

UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def unix_time_of(text: str, *, option: str, now: dt.datetime) -> float:
    """Return the Unix seconds of `2h` (ago) or of a time; default: in this machine's time zone.

    Of a time that occurs twice, because the clocks go back, the first is used.

    Raises:
        CommandError: It is neither.
    """
    with contextlib.suppress(CommandError):
        return now.timestamp() - seconds_of(text)
    try:
        return _instants(text, option)[0]
    except (ValueError, OverflowError, OSError):
        raise CommandError(
            f"{option} {text!r} is not a valid time: use 2h, 30m, 1d, or 2026-11-26T09:00", Exit.USAGE
        ) from None


def seconds_of(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `1h30m` or `2d`.

    Raises:
        CommandError: It is not a valid duration, or longer than a year.
    """
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip(), re.ASCII)
    if not text.strip() or parts is None:
        raise CommandError(f"--in {text!r} is not a valid duration: use 90s, 10m, 1h30m or 2d", Exit.USAGE)
    seconds = sum(int(number or 0) * unit for number, unit in zip(parts.groups(), UNIT_SECONDS.values(), strict=True))
    if seconds > MAX_DELAY_SECONDS:
        raise CommandError(f"--in {text!r} is more than a year", Exit.USAGE)
    return seconds


def moment_of(text: str, *, now: dt.datetime) -> tuple[dt.datetime, str]:
    """Return the time of `2026-11-26T09:00`; default: in this machine's time zone.

    Also return a notice, empty unless the time occurs twice because the clocks go back: it says which one is used.

    Raises:
        CommandError: It is not a valid time, is in the past, is more than a year away, or does not exist because the
            clocks go forward.
    """
    try:
        first, *second = _instants(text, "--at")
        moment = dt.datetime.fromtimestamp(first, tz=dt.UTC).astimezone(None)
    except (ValueError, OverflowError, OSError):
        raise CommandError(
            f"--at {text!r} is not a valid time: use 2026-11-26T09:00, or with a zone 2026-11-26T09:00+01:00",
            Exit.USAGE,
        ) from None
    if moment <= now:
        raise CommandError(
            f"--at {text!r} is in the past: it is now {now.astimezone(None).isoformat(timespec='seconds')}", Exit.USAGE
        )
    if (moment - now).total_seconds() > MAX_DELAY_SECONDS:
        raise CommandError(f"--at {text!r} is more than a year away", Exit.USAGE)
    if not second:
        return moment, ""
    other = dt.datetime.fromtimestamp(second[0], tz=dt.UTC).astimezone(None).isoformat(timespec="seconds")
    used = moment.isoformat(timespec="seconds")
    return moment, f"--at {text!r} occurs twice that day: using the first, {used}; use {other} for the second"


def _instants(text: str, option: str) -> list[float]:
    """Return the Unix seconds of a time, earliest first: one, or two if the clocks go back over it.

    Raises:
        ValueError: It is not a valid time.
        CommandError: It does not exist because the clocks go forward over it.
    """
    time = dt.datetime.fromisoformat(text.strip())
    if re.search(r"[T ]24", text):  # another form of midnight, which only newer Pythons read
        raise ValueError(text)
    if time.tzinfo is not None:
        return [time.timestamp()]
    # For a time that does not exist Python guesses an instant, which does not lead back to the given time.
    guesses = {time.replace(fold=fold).timestamp() + hours * 3600 for fold in (0, 1) for hours in (-1, 0, 1)}
    found = sorted(guess for guess in guesses if dt.datetime.fromtimestamp(guess).replace(fold=0) == time)  # noqa: DTZ006
    if not found:
        raise CommandError(
            f"{option} {text!r} does not exist here: the clocks go forward over it. Use a time before or after, or one "
            f"with a zone, {text.strip()}+00:00",
            Exit.USAGE,
        )
    return found
