"""A job as the command, the page and their exports write it.

Pure.
"""

import datetime as dt
from typing import Any

import msgspec

from greenscale_jobs.records import Job

TIMES = ("submittedAt", "claimedAt", "dueAt", "finishedAt")


def moment(seconds: float | None) -> str | None:
    """Return Unix seconds as RFC 3339 in UTC; None if the time is not known."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def document(job: Job) -> dict[str, Any]:
    """Return all that is known of a job as JSON, with times in RFC 3339."""
    written: dict[str, Any] = msgspec.to_builtins(job)
    for name in TIMES:
        if name in written:
            written[name] = moment(written[name])
    outcome = written.get("outcome") or {}
    if "firstTokenAt" in outcome:
        outcome["firstTokenAt"] = moment(outcome["firstTokenAt"])
    uncharged = written.get("uncharged") or {}
    for name in ("firstAt", "lastAt"):
        if name in uncharged:
            uncharged[name] = moment(uncharged[name])
    written["errors"] = [
        {**error, "at": moment(error["at"])} if "at" in error else error for error in written.get("errors", ())
    ]
    return written
