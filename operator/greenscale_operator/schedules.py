"""Which schedule keeps how many workers at a time, and until when; and what is wrong with one.

Pure. The scaler's cron trigger decides: a schedule keeps its workers from a start until the
next end, so it does where the next end is not after the next start.
"""

import datetime as dt
import zoneinfo
from collections.abc import Sequence

from greenscale_jobs.workloads import Kept
from greenscale_operator.cron import InvalidCron, read_cron
from greenscale_operator.workload import InvalidWorkload, Schedule


def check(schedules: Sequence[Schedule]) -> None:
    """Raise InvalidWorkload for the first schedule that the scaler could not read, or whose time never comes."""
    for number, schedule in enumerate(schedules):
        where = f"spec.scaling.schedules[{number}]"
        zone = _zone(schedule, f"{where}.timezone")
        for name, line in (("start", schedule.start), ("end", schedule.end)):
            _check_line(line, zone, f"{where}.{name}")
        if schedule.start == schedule.end:
            raise InvalidWorkload(f"{where}.end is the same as start, so the schedule keeps nothing: set a later end")


def kept(schedules: Sequence[Schedule], now: float) -> Kept | None:
    """Return the schedule that keeps the most workers now, the longest of several; None where none keeps any.

    `check` must have passed.
    """
    active = []
    for schedule in schedules:
        start, end = _next(schedule, now)
        if end <= start:
            active.append(Kept(schedule.min_replicas, end, schedule.timezone))
    return max(active, key=lambda one: (one.replicas, one.until or 0.0), default=None)


def next_change(schedules: Sequence[Schedule], now: float) -> float | None:
    """Return when a schedule begins or ends next, in Unix seconds; None where there is none."""
    return min((at for schedule in schedules for at in _next(schedule, now)), default=None)


def _next(schedule: Schedule, now: float) -> tuple[float, float]:
    """Return the next start and the next end."""
    zone = zoneinfo.ZoneInfo(schedule.timezone)
    start, end = (read_cron(line).next_after(now, zone) for line in (schedule.start, schedule.end))
    if start is None or end is None:
        raise ValueError(f"{schedule} never comes, which `check` refuses")
    return start, end


def _zone(schedule: Schedule, where: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(schedule.timezone)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise InvalidWorkload(
            f"{where} '{schedule.timezone}' is not a known time zone: use a name of the IANA database, such as "
            "Europe/Berlin or UTC"
        ) from None


def _check_line(line: str, zone: dt.tzinfo, where: str) -> None:
    try:
        cron = read_cron(line)
    except InvalidCron as error:
        raise InvalidWorkload(f"{where} '{line}' {error}: write it as in '0 8 * * 1-5'") from None
    if cron.next_after(0, zone) is None:
        raise InvalidWorkload(f"{where} '{line}' never comes: name a day that exists")
