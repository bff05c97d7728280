"""What a check found. Pure."""

import dataclasses
import enum


class Verdict(enum.StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something may be lost or misread."""
    FAULT = "fault"
    UNCHECKED = "not checked"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check: what was found, and what helps where that is not in the same sentence."""

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, remedy: str = "") -> Finding:
    """Return that something may be lost or misread."""
    return Finding(check, Verdict.WARNING, found, remedy)


def fault(check: str, found: str, remedy: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(check, Verdict.FAULT, found, remedy)


def unchecked(check: str, why: str, remedy: str = "") -> Finding:
    """Return that nobody looked, and why."""
    return Finding(check, Verdict.UNCHECKED, why, remedy)
