"""Moments as people say them, in the viewer's own time zone.

Pure.
"""

import datetime as dt
import zoneinfo

DASH = "–"  # noqa: RUF001 - a dash, for what is not known


def zone(name: str | None) -> dt.tzinfo:
    """Return the time zone that a browser names; UTC where it names none, or one that is not known here."""
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def when(at: float | None, *, now: float, zone: dt.tzinfo) -> str:
    """Return `14:02:11`, `yesterday 14:02`, `12 Nov 14:02` or `12 Nov 2025`; a dash for what is not known."""
    if at is None:
        return DASH
    moment, today = dt.datetime.fromtimestamp(at, tz=zone), dt.datetime.fromtimestamp(now, tz=zone)
    match (today.date() - moment.date()).days:
        case 0:
            return f"{moment:%H:%M:%S}"
        case 1:
            return f"yesterday {moment:%H:%M}"
        case -1:
            return f"tomorrow {moment:%H:%M}"
        case _ if moment.year == today.year:
            return f"{moment.day} {moment:%b %H:%M}"
        case _:
            return f"{moment.day} {moment:%b %Y}"
