"""When a job is due, as a person says it.

Pure.
"""

import contextlib
import datetime as dt
import re

from greenscale_cli.exits import CommandError, Exit
from greenscale_jobs.producer import MAX_DELAY_SECONDS

UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def past_of(text: str, *, option: str, now: dt.datetime) -> float:
    """Return the Unix seconds of `2h` (so long ago) or of a time, in this machine's zone unless it names one.

    A time that comes twice, when the clocks go back, is the first.

    Raises:
        CommandError: It is neither.
    """
    with contextlib.suppress(CommandError):
        return now.timestamp() - seconds_of(text)
    try:
        return _instants(text, option)[0]
    except (ValueError, OverflowError, OSError):
        raise CommandError(f"{option} {text!r} is no time: say 2h, 30m, 1d, or 2026-11-26T09:00", Exit.USAGE) from None


def seconds_of(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `1h30m` or `2d`.

    Raises:
        CommandError: It is no such length, or longer than a year.
    """
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip(), re.ASCII)
    if not text.strip() or parts is None:
        raise CommandError(f"--in {text!r} is no length of time: say 90s, 10m, 1h30m or 2d", Exit.USAGE)
    seconds = sum(int(number or 0) * unit for number, unit in zip(parts.groups(), UNIT_SECONDS.values(), strict=True))
    if seconds > MAX_DELAY_SECONDS:
        raise CommandError(f"--in {text!r} is more than a year", Exit.USAGE)
    return seconds


def moment_of(text: str, *, now: dt.datetime) -> tuple[dt.datetime, str]:
    """Return the time of `2026-11-26T09:00`, in this machine's time zone unless it names one.

    Beside it stands what a person must know: which of two was taken where the time comes twice, as the clocks go back.

    Raises:
        CommandError: It is not a valid time, has passed, is more than a year away, or does not exist, as the clocks go
            forward.
    """
    try:
        first, *second = _instants(text, "--at")
        moment = dt.datetime.fromtimestamp(first, tz=dt.UTC).astimezone(None)
    except (ValueError, OverflowError, OSError):
        raise CommandError(
            f"--at {text!r} is no time: say 2026-11-26T09:00, or with its zone 2026-11-26T09:00+01:00", Exit.USAGE
        ) from None
    if moment <= now:
        raise CommandError(
            f"--at {text!r} has passed: it is {now.astimezone(None).isoformat(timespec='seconds')}", Exit.USAGE
        )
    if (moment - now).total_seconds() > MAX_DELAY_SECONDS:
        raise CommandError(f"--at {text!r} is more than a year away", Exit.USAGE)
    if not second:
        return moment, ""
    other = dt.datetime.fromtimestamp(second[0], tz=dt.UTC).astimezone(None).isoformat(timespec="seconds")
    taken = moment.isoformat(timespec="seconds")
    return moment, f"--at {text!r} comes twice that day: the first is taken, {taken}; say {other} for the second"


def _instants(text: str, option: str) -> list[float]:
    """Return the Unix seconds that a time means, soonest first: one, or two where the clocks go back over it.

    Raises:
        ValueError: It is no time.
        CommandError: It does not exist, for the clocks go forward over it.
    """
    time = dt.datetime.fromisoformat(text.strip())
    if re.search(r"[T ]24", text):  # midnight by another name, which only newer Pythons read
        raise ValueError(text)
    if time.tzinfo is not None:
        return [time.timestamp()]
    # What is no more than a guess of Python's is not among those that lead back to the time that was said.
    guesses = {time.replace(fold=fold).timestamp() + hours * 3600 for fold in (0, 1) for hours in (-1, 0, 1)}
    found = sorted(guess for guess in guesses if dt.datetime.fromtimestamp(guess).replace(fold=0) == time)  # noqa: DTZ006
    if not found:
        raise CommandError(
            f"{option} {text!r} does not exist here: the clocks go forward over it. Say a time before or after, or one "
            f"with its zone, {text.strip()}+00:00",
            Exit.USAGE,
        )
    return found
