"""What is said of a workload, for everything that the board may hold of it."""

from typing import Any

import msgspec
import pytest

from greenscale_jobs import Stats, WorkloadState, WorkloadStatus
from greenscale_jobs.reading import read_workloads
from greenscale_jobs.sentences import sentence
from greenscale_jobs.workloads import Kept, Problem

NOW = 1000.0

MESSAGE = "What its writer made of it."


def status(state: str, reason: str, **parts: Any) -> WorkloadStatus:
    return WorkloadStatus("ns", "w", "jobs", state, MESSAGE, 2, 4, "Echo", None, {}, NOW, reason=reason, **parts)


ENGINE = Problem("EngineRefuses", "The key is refused.")


@pytest.mark.parametrize(
    ("of", "stats", "expected"),
    [
        pytest.param(
            status("CoolingDown", "WorkersEnding", ending=2, ending_since=NOW - 45),
            Stats(0, 0, 0, 0),
            "2 workers are still ending (for 40 s).",
            id="workers end",
        ),
        pytest.param(
            status("Waking", "WorkersStarting", waking_since=NOW - 12, stage="pulling the image"),
            Stats(0, 0, 0, 0),
            "Waking for 12 s: pulling the image.",
            id="its job was cancelled a moment ago",
        ),
        pytest.param(
            status("Active", "WorkExists", kept=Kept(1)),
            Stats(0, 0, 0, 0),
            "Idle, 2 of 4 workers.",
            id="more than are kept, and its last job ended a moment ago",
        ),
        pytest.param(
            status("CoolingDown", "NoWork", kept=Kept(1, NOW + 3600, "Mars/Base")),
            Stats(0, 0, 0, 0),
            "Idle; when the cooldown is over, 1 worker is kept by a schedule until 01:16 (UTC).",
            id="a time zone that only the writer's machine knows",
        ),
        pytest.param(
            status("Suspended", "Drained", ending=1, problem=ENGINE),
            Stats(3, 0, 0, 0),
            "Takes prompts, runs none; 1 worker is still ending. Problem: The key is refused.",
            id="suspended with a problem",
        ),
        pytest.param(status("Degraded", "EngineRefuses", problem=ENGINE), Stats(3, 0, 0, 0), ENGINE.message, id="bad"),
        pytest.param(status("Levitating", "New"), Stats(0, 0, 0, 0), MESSAGE, id="a state of a later version"),
        pytest.param(status("Waking", ""), Stats(3, 0, 0, 0), MESSAGE, id="a status of a former version"),
    ],
)
def test_sentence(of: WorkloadStatus, stats: Stats, expected: str) -> None:
    assert sentence(of, stats, now=NOW) == expected


@pytest.mark.parametrize("state", WorkloadState)
def test_every_state_has_its_own_sentence(state: WorkloadState) -> None:
    said = sentence(status(state, "AnyReason", problem=ENGINE), Stats(0, 0, 0, 0), now=NOW)

    assert said not in {"", MESSAGE}


def test_a_status_of_a_former_version_can_be_read() -> None:
    """An operator that was not upgraded yet writes what its page and command knew."""
    former = {
        "namespace": "ns",
        "name": "w",
        "listName": "jobs",
        "state": "Waking",
        "message": MESSAGE,
        "replicas": 1,
        "maxReplicas": 4,
        "engine": "Echo",
        "model": None,
        "queue": {"pending": 1},
        "sampledAt": NOW,
    }
    (read,) = read_workloads({b"ns/w": msgspec.json.encode(former)})

    assert sentence(read, Stats(1, 0, 0, 0), now=NOW) == MESSAGE


def test_a_status_of_this_version_has_what_a_former_one_reads() -> None:
    """A page that was not upgraded yet needs every field that it knew, and passes the others by."""
    written = msgspec.json.decode(msgspec.json.encode(status("Waking", "WorkersStarting", kept=Kept(1))))

    assert {
        "state",
        "message",
        "replicas",
        "maxReplicas",
        "queue",
        "sampledAt",
        "wakingSince",
        "asleepAt",
        "usualWakeSeconds",
        "wakes",
    } <= written.keys()
