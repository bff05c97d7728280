"""What the chaos engine was asked and what it did: a line of JSON each, in a file that outlives the engine.

A line is written by one system call before anything is sent, so that the engine's own death leaves it there.
"""

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened; `at` in Unix seconds."""

    at: float
    what: str
    """started, call, end, outage, over or died."""
    call: int = 0
    """The call's number over all lives of the engine, from 1."""
    kind: str = ""
    job: int = 0
    worker: str = ""
    does: str = ""
    """What it answers: `answer`, `trouble <name>` or `outage <name>`; of an outage its name, of an end how it ended."""


@dataclasses.dataclass
class Call:
    """One call: what came, and how it ended."""

    kind: str
    job: int
    worker: str
    does: str
    began_at: float
    ended_at: float | None = None
    how: str = "lost"
    """sent, gone (the client left before its end) or lost (the engine died)."""


@dataclasses.dataclass(frozen=True)
class Outage:
    """A time in which every call was refused in one way."""

    name: str
    began_at: float
    ended_at: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended_at - self.began_at


class Ledger:
    """The engine's own end of the file."""

    def __init__(self, path: Path) -> None:
        self.asked: Counter[int] = Counter()
        """Job's number -> how often it was asked."""
        self.calls = 0
        self.before = read_lines(path)
        """What was written by lives before this one."""
        for line in self.before:
            if line.what == "call":
                self.calls = max(self.calls, line.call)
                self.asked[line.job] += 1
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.write("started")

    def begin(self, *, kind: str, job: int, worker: str, does: str) -> int:
        """Note a call and return its number."""
        self.calls += 1
        self.asked[job] += 1
        self.write("call", call=self.calls, kind=kind, job=job, worker=worker, does=does)
        return self.calls

    def write(self, what: str, **more: Any) -> None:
        """Note something."""
        os.write(self._file, msgspec.json.encode(Line(time.time(), what, **more)) + b"\n")


def read_lines(path: Path) -> list[Line]:
    """Return what a file has; its last line may be half written."""
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]


def calls_of(lines: Sequence[Line]) -> list[Call]:
    """Return all calls, oldest first."""
    calls: dict[int, Call] = {}
    for line in lines:
        if line.what == "call":
            calls[line.call] = Call(line.kind, line.job, line.worker, line.does, line.at)
        elif line.what == "end":
            calls[line.call].ended_at, calls[line.call].how = line.at, line.does
    return list(calls.values())


def outages_of(lines: Sequence[Line]) -> list[Outage]:
    """Return all outages that are over, oldest first; the time from a death to the next start is one, `dead`."""
    found, began = [], dict[str, tuple[float, str]]()
    for line in lines:
        match line.what:
            case "outage" | "died":
                began[line.what] = (line.at, line.does or "dead")
            case "over" | "started":
                of = "outage" if line.what == "over" else "died"
                if of in began:
                    at, name = began.pop(of)
                    found.append(Outage(name, at, line.at))
    return found
