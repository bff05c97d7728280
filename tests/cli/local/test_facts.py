"""What local mode judges its workload by, and what comes of it: as in a cluster."""

from typing import Any

import pytest

from greenscale_cli.local.autoscaler import Position, ScaledObject
from greenscale_cli.local.facts import workload_facts
from greenscale_jobs import Stats, WorkloadStatus
from greenscale_jobs.board import WorkloadIdentity, workload_status
from greenscale_jobs.judgement import WorkloadFacts
from greenscale_operator import facts, verdict

NOW = 1000.0

SCALED = ScaledObject(
    list_name="jobs",
    polling_interval=2,
    cooldown_period=60,
    min_replicas=0,
    max_replicas=4,
    target=1.0,
    counts_workers=False,
    shrinks=True,
    stabilization_seconds=0,
)
ONE_KEPT = {"scaled": ScaledObject(**{**vars(SCALED), "min_replicas": 1})}
AWAKE = {"position": Position(1, last_active=NOW - 52.6), "running": 1}


def stats(pending: int = 0, in_flight: int = 0, **more: Any) -> Stats:
    return Stats(pending, in_flight, 0, 0, **more)


@pytest.mark.parametrize(
    ("changes", "state", "sentence"),
    [
        pytest.param({}, "ScaledToZero", "Nothing runs, nothing costs. A prompt wakes it.", id="nothing to do"),
        pytest.param(
            {"stats": stats(1)}, "Waking", "1 job waiting: a worker is being started.", id="a job, not polled yet"
        ),
        pytest.param(
            {**AWAKE, "stats": stats(3), "waking_since": 988.0},
            "Waking",
            "Waking for 12 s; 3 jobs waiting: a worker is being started.",
            id="a worker starts",
        ),
        pytest.param(
            {"position": Position(2), "running": 2, "stats": stats(5, 2)},
            "Active",
            "2 running, 5 waiting, 2 of 4 workers.",
            id="workers do their work",
        ),
        pytest.param(
            {**AWAKE, "stats": stats(0, 1)}, "Active", "1 running, 0 waiting, 1 of 4 workers.", id="the last job runs"
        ),
        pytest.param(AWAKE, "CoolingDown", "Idle. Asleep again in 7 s.", id="the cooldown runs"),
        pytest.param(
            {"position": Position(0, last_active=NOW - 61), "running": 1},
            "CoolingDown",
            "1 worker is still ending.",
            id="the cooldown is over, and a worker still ends",
        ),
        pytest.param({**AWAKE, **ONE_KEPT}, "Active", "Idle; the minimum of 1 worker is kept.", id="a minimum is kept"),
        pytest.param(
            {**ONE_KEPT, "position": Position(3), "running": 3},
            "CoolingDown",
            "Idle; when the cooldown is over, the minimum of 1 worker is kept.",
            id="more than the minimum",
        ),
        pytest.param(
            {**AWAKE, "suspended": True, "stats": stats(2, 1)},
            "Suspended",
            "Takes prompts, claims none; 1 job still running.",
            id="suspended",
        ),
        pytest.param(
            {"crash": "w-1 ended with status 2", "stats": stats(1)},
            "Degraded",
            "Workers keep crashing; the last: w-1 ended with status 2",
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
            {"position": Position(2), "running": 2, "stats": stats(37, 3, fault="the key is wrong", fault_at=NOW)},
            "Degraded",
            "the key is wrong. 2 workers stay awake while 40 jobs wait; set spec.suspend to true to let them go.",
            id="what the engine's fault keeps awake",
        ),
        pytest.param(
            {**AWAKE, "stats": stats(1, 1, fault="the key is wrong", fault_at=NOW - 180)},
            "Active",
            "1 running, 1 waiting, 1 of 4 workers.",
            id="a fault that nobody repeats",
        ),
        pytest.param(
            {"stats": stats(1, fault="the key is wrong", fault_at=NOW), "suspended": True, "crash": "x"},
            "Suspended",
            "Takes prompts, runs none. Set spec.suspend to false to resume. Problem: the key is wrong",
            id="suspended with a fault",
        ),
    ],
)
def test_what_is_judged_of_a_workload(changes: dict[str, Any], state: str, sentence: str) -> None:
    status = judged(local_facts(**changes))

    assert (status.state, status.message) == (state, sentence)


def local_facts(**changes: Any) -> WorkloadFacts:
    rest = {
        "scaled": SCALED,
        "position": Position(0),
        "stats": stats(),
        "running": 0,
        "crash": None,
        "suspended": False,
        "waking_since": None,
        "now": NOW,
    }
    return workload_facts(**{**rest, **changes})


def judged(facts: WorkloadFacts) -> WorkloadStatus:
    return workload_status(WorkloadIdentity("default", "w", "jobs", "Echo", None), facts, ())


@pytest.mark.parametrize("fault", [None, "The key is refused."])
@pytest.mark.parametrize("waking_since", [None, NOW - 12])
@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("replicas", [0, 1, 3])
@pytest.mark.parametrize(("pending", "in_flight"), [(0, 0), (2, 0), (0, 1), (2, 1)])
def test_a_cluster_would_say_the_same(
    pending: int, in_flight: int, replicas: int, *, suspended: bool, waking_since: float | None, fault: str | None
) -> None:
    """What is tried here is what will be seen there."""
    numbers = stats(pending, in_flight, fault=fault, fault_at=NOW)
    here = local_facts(
        position=Position(replicas, last_active=NOW - 9),
        running=replicas,
        stats=numbers,
        suspended=suspended,
        waking_since=waking_since,
    )
    there = facts.Facts(
        now=NOW,
        generation=1,
        suspend=suspended,
        max_replicas=4,
        cooldown_seconds=60,
        stats=numbers,
        workers=facts.Workers(replicas, replicas),
        scaler=facts.Scaler(ready=True, last_active=NOW - 9),
        waking_since=waking_since,
    )

    assert judged(here) == judged(verdict.workload_facts(there))
