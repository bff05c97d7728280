"""What `-o json` says: every time in RFC 3339, nothing left out that is known. Pure."""

from typing import Any

import msgspec

from greenscale_cli.words import moment
from greenscale_jobs import Job


def of_job(job: Job) -> dict[str, Any]:
    """Return a job."""
    document: dict[str, Any] = msgspec.to_builtins(job)
    for name in ("submittedAt", "claimedAt", "dueAt", "finishedAt"):
        if name in document:
            document[name] = moment(document[name])
    outcome = document.get("outcome") or {}
    if "firstTokenAt" in outcome:
        outcome["firstTokenAt"] = moment(outcome["firstTokenAt"])
    document["errors"] = [
        {**error, "at": moment(error["at"])} if "at" in error else error for error in document.get("errors", ())
    ]
    return document
