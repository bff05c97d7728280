"""Times as text, in the viewer's own time zone.

Pure.
"""

import datetime as dt
import zoneinfo

DASH = "–"  # noqa: RUF001 - a dash, for an unknown time


def zone(name: str | None) -> dt.tzinfo:
    """Return the time zone that a browser reports; UTC if it reports none, or one that is unknown here."""
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def when(at: float | None, *, now: float, zone: dt.tzinfo) -> str:
    """Return `14:02:11`, `yesterday 14:02`, `12 Nov 14:02` or `12 Nov 2025`; a dash for None."""
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
