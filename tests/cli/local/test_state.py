"""A workload's state in one word and one sentence."""

import dataclasses
from typing import Any

import pytest

from greenscale_cli.local.state import Sight, describe
from greenscale_jobs import Stats

NOW = 1000.0
ASLEEP = Sight(
    stats=Stats(0, 0, 0, 0),
    replicas=0,
    wanted=0,
    max_replicas=4,
    suspended=False,
    now=NOW,
    waking_since=None,
    asleep_at=None,
    kept_replicas=0,
    kept="",
    crash=None,
    usual_wake_seconds=None,
)
KEPT = {"kept_replicas": 1, "kept": "the minimum of 1 worker is kept"}


def stats(pending: int = 0, in_flight: int = 0, **more: Any) -> Stats:
    return Stats(pending, in_flight, 0, 0, **more)


@pytest.mark.parametrize(
    ("seen", "state", "message"),
    [
        pytest.param({}, "ScaledToZero", "Nothing runs, nothing costs. A prompt wakes it.", id="nothing to do"),
        pytest.param(
            {"stats": stats(1)}, "Waking", "1 job waiting; the next poll wakes a worker.", id="a job, not polled yet"
        ),
        pytest.param(
            {"stats": stats(3), "waking_since": 988.0, "replicas": 1},
            "Waking",
            "Waking for 12 s; 3 jobs waiting.",
            id="a worker starts",
        ),
        pytest.param(
            {"stats": stats(1), "waking_since": 1001.0, "usual_wake_seconds": 0.84},
            "Waking",
            "Waking for 0 s, usually 0.8 s; 1 job waiting.",
            id="a worker starts, as one did before",
        ),
        pytest.param(
            {"stats": stats(5, 2), "replicas": 2},
            "Active",
            "2 running, 5 waiting, 2 of 4 workers.",
            id="workers do their work",
        ),
        pytest.param(
            {"stats": stats(0, 1), "replicas": 1},
            "Active",
            "1 running, 0 waiting, 1 of 4 workers.",
            id="the last job still runs",
        ),
        pytest.param(
            {"replicas": 1, "asleep_at": 1007.4}, "CoolingDown", "Idle. Asleep again in 7 s.", id="the cooldown runs"
        ),
        pytest.param(
            {"replicas": 1, "asleep_at": 998.0}, "CoolingDown", "Idle. Asleep again in 0 s.", id="the cooldown is over"
        ),
        pytest.param(
            {"replicas": 1, **KEPT}, "Active", "Idle; the minimum of 1 worker is kept.", id="a minimum is kept"
        ),
        pytest.param(
            {"replicas": 3, **KEPT},
            "CoolingDown",
            "Idle; when the cooldown is over, the minimum of 1 worker is kept.",
            id="more than the minimum",
        ),
        pytest.param(
            {"suspended": True, "stats": stats(2, 1), "replicas": 1},
            "Suspended",
            "Takes prompts, runs none; 1 still running.",
            id="suspended",
        ),
        pytest.param(
            {"crash": "w-1 ended with status 2", "stats": stats(1)},
            "Degraded",
            "Workers crash again and again; the last: w-1 ended with status 2",
            id="workers crash",
        ),
        pytest.param(
            {"crash": "w-1 ended with status 2"},
            "ScaledToZero",
            "Nothing runs, nothing costs. A prompt wakes it.",
            id="crashes without work are of the past",
        ),
        pytest.param(
            {"stats": stats(1, fault="the key is wrong", fault_at=NOW - 179)},
            "Degraded",
            "the key is wrong",
            id="the engine's fault",
        ),
        pytest.param(
            {"stats": stats(37, 3, fault="the key is wrong", fault_at=NOW), "replicas": 2},
            "Degraded",
            "the key is wrong. 2 workers stay awake while 40 jobs wait; set spec.suspend to true to let them go.",
            id="what the engine's fault keeps awake",
        ),
        pytest.param(
            {"stats": stats(1, 1, fault="the key is wrong", fault_at=NOW - 180), "replicas": 1},
            "Active",
            "1 running, 1 waiting, 1 of 4 workers.",
            id="a fault that nobody repeats",
        ),
        pytest.param(
            {"stats": stats(1, fault="the key is wrong", fault_at=NOW), "suspended": True, "crash": "x"},
            "Degraded",
            "the key is wrong",
            id="the fault before all else",
        ),
    ],
)
def test_what_is_said_of_a_workload(seen: dict[str, Any], state: str, message: str) -> None:
    assert describe(dataclasses.replace(ASLEEP, **seen)) == (state, message)
