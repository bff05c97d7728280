"""When a cron line comes next, exactly as KEDA reckons: its cron trigger uses robfig/cron 3.0.1, and so do we.

Written after its `parser.go` and `spec.go`, since Python's cron libraries differ from it where it matters: they take
lines that KEDA refuses (`0 9 * * 7`), and skip or repeat other hours when the clocks change. Pure.
"""

import datetime as dt
import functools
import math
import re
from collections.abc import Mapping

import msgspec

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
        return _Search(self, math.floor(now) + 1, zone).find()

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


class _Search:
    """A walk from one time to the next that matches: month, day, hour and minute, each from its beginning."""

    def __init__(self, cron: Cron, at: int, zone: dt.tzinfo) -> None:
        self._cron = cron
        self._at = at
        self._zone = zone
        self._moved = False

    @property
    def _local(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._at, self._zone)

    def find(self) -> float | None:
        last_year = self._local.year + YEARS
        while self._local.year <= last_year:
            if self._month() and self._day() and self._hour() and self._minute() and self._second():
                return float(self._at)
        return None

    # Each returns False where it has come to the beginning of the field above, which must be looked at again.

    def _month(self) -> bool:
        while self._local.month not in self._cron.months:
            if self._first_move():
                self._at = self._instant(self._local.replace(day=1, hour=0, minute=0, second=0))
            day = self._local
            year, month = divmod(day.year * 12 + day.month, 12)
            first = day.replace(year=year, month=month + 1, day=1)
            self._at = self._instant(first + dt.timedelta(days=day.day - 1))
            if self._local.month == 1:
                return False
        return True

    def _day(self) -> bool:
        while not self._cron.matches_day(self._local):
            if self._first_move():
                self._at = self._instant(self._local.replace(hour=0, minute=0, second=0))
            self._at = self._instant(self._local + dt.timedelta(days=1))
            hour = self._local.hour
            if hour:  # the clocks changed at midnight, which does not exist that day
                self._at += 3600 * (24 - hour if hour > 12 else -hour)  # noqa: PLR2004
            if self._local.day == 1:
                return False
        return True

    def _hour(self) -> bool:
        while self._local.hour not in self._cron.hours:
            if self._first_move():
                self._at = self._instant(self._local.replace(minute=0, second=0))
            self._at += 3600
            if self._local.hour == 0:
                return False
        return True

    def _minute(self) -> bool:
        while self._local.minute not in self._cron.minutes:
            if self._first_move():
                self._at -= self._at % 60
            self._at += 60
            if self._local.minute == 0:
                return False
        return True

    def _second(self) -> bool:
        second = self._local.second
        if second:
            self._moved = True
            self._at += 60 - second
        return not second

    def _first_move(self) -> bool:
        first, self._moved = not self._moved, True
        return first

    def _instant(self, local: dt.datetime) -> int:
        """Return when a local time is; one that comes twice or not at all is resolved as Go does."""
        plain = int(local.replace(tzinfo=dt.UTC).timestamp())
        return plain - self._offset(plain - self._offset(plain))

    def _offset(self, at: int) -> int:
        offset = dt.datetime.fromtimestamp(at, self._zone).utcoffset() or dt.timedelta()
        return int(offset.total_seconds())
