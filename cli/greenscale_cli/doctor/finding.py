"""The result of a check. Pure."""

import dataclasses
import enum


class Verdict(enum.StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    """It works, but data may be lost or shown wrongly."""
    FAULT = "fault"
    UNCHECKED = "not checked"


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check, and the remedy unless `found` contains it."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, remedy: str = "") -> Finding:
    """Return that data may be lost or shown wrongly."""
    return Finding(check, Verdict.WARNING, found, remedy)


def fault(check: str, found: str, remedy: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(check, Verdict.FAULT, found, remedy)


def unchecked(check: str, why: str, remedy: str = "") -> Finding:
    """Return that the check was not possible, and why."""
    return Finding(check, Verdict.UNCHECKED, why, remedy)
