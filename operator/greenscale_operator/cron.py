"""When a cron line comes next, as robfig/cron 3.0.1 computes it: scalers read schedules with it.

A line comes at each minute whose local time it names. Python's cron libraries differ from that where it matters: they
take lines that it refuses (`0 9 * * 7`), and skip or repeat other hours when the clocks change. A test compares with
recorded answers of robfig/cron, which misses an hour only where the clocks change by half of one (Lord Howe Island).
Pure.
"""

import datetime as dt
import functools
import math
import re
from collections.abc import Mapping

import msgspec

MINUTE, HOUR, DAY = 60, 3600, 86_400

YEARS = 5
"""A time that does not come within so many years never comes."""

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES)}


class InvalidCron(ValueError):
    """A line that is not in cron's five fields; the text says what is wrong."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    least: int
    most: int
    names: Mapping[str, int] = {}


FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 6, WEEKDAYS),
)


class Cron(msgspec.Struct, frozen=True):
    """A line, read."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    """Whether a day field has a star: then both must match, else one of the two."""

    def next_after(self, now: float, zone: dt.tzinfo) -> float | None:
        """Return the next time after `now`, in Unix seconds; None if it never comes."""
        at = (math.floor(now) // MINUTE + 1) * MINUTE
        last_year = dt.datetime.fromtimestamp(at, zone).year + YEARS
        while (local := dt.datetime.fromtimestamp(at, zone)).year <= last_year:
            hour_left, day_left = HOUR - local.minute * MINUTE, DAY - local.hour * HOUR - local.minute * MINUTE
            if local.month not in self.months or not self.matches_day(local):
                at += max(hour_left, day_left - 2 * HOUR)  # a day on which the clocks change may be that much shorter
            elif local.hour not in self.hours:
                at += hour_left
            elif local.minute not in self.minutes:
                at += MINUTE
            else:
                return float(at)
        return None

    def matches_day(self, day: dt.datetime) -> bool:
        """Return whether the line means this day."""
        month_day, weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (month_day and weekday) if self.any_day else (month_day or weekday)


@functools.lru_cache(maxsize=4096)
def read_cron(line: str) -> Cron:
    """Read a line; raises InvalidCron."""
    words = line.split()
    if len(words) != len(FIELDS):
        raise InvalidCron(f"has {len(words)} fields, not five: minute, hour, day of the month, month, day of the week")
    (minutes, _), (hours, _), (days, star), (months, _), (weekdays, other_star) = map(_read_field, words, FIELDS)
    return Cron(minutes, hours, days, months, weekdays, star or other_star)


def _read_field(word: str, field: _Field) -> tuple[frozenset[int], bool]:
    """Return the numbers that a field means, and whether it has a star."""
    parts = [_read_part(part, field) for part in word.split(",") if part]
    return frozenset(number for numbers, _ in parts for number in numbers), any(star for _, star in parts)


def _read_part(part: str, field: _Field) -> tuple[range, bool]:
    span, *steps = part.split("/")
    low, *high = span.split("-")
    if len(steps) > 1 or len(high) > 1:
        raise _invalid(part, field)
    step = _number(steps[0], part, field) if steps else 1
    star = low in {"*", "?"}
    if star:
        first, last = field.least, field.most
    else:
        first = _number(low, part, field)
        last = _number(high[0], part, field) if high else field.most if steps else first
    if not field.least <= first <= last <= field.most or step == 0:
        raise _invalid(part, field)
    return range(first, last + 1, step), star and step == 1


def _number(word: str, part: str, field: _Field) -> int:
    if word.lower() in field.names:
        return field.names[word.lower()]
    if not re.fullmatch(r"\+?[0-9]{1,9}", word):
        raise _invalid(part, field)
    return int(word)


def _invalid(part: str, field: _Field) -> InvalidCron:
    return InvalidCron(f"has '{part}' as {field.name}, which must be {field.least} to {field.most}")
