"""What is reported as wrong with a workload, and when, for everything that the operator may see of it."""

from typing import Any

import msgspec
import pytest

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Kept, Problem
from greenscale_operator.conditions import ready
from greenscale_operator.facts import Facts, Pods, Scaler, Workers
from greenscale_operator.problems import CLAIM_SECONDS
from greenscale_operator.verdict import verdict
from greenscale_testing.observations import NOW, UNTIL, make_facts, of, sentence

UP = {"scaler": Scaler(ready=True, active=True, last_active=NOW - 5), "name": "w", "namespace": "shop"}
QUOTA = Problem("FailedCreate", "exceeded quota")
NO_NODE = Problem("Unschedulable", "no node")
STUCK = Pods(looked=True, problem=NO_NODE)


@pytest.mark.parametrize(
    ("facts", "ready_status", "degraded", "available"),
    [
        pytest.param(
            make_facts(
                **UP, workers=Workers(1), pods=Pods(looked=True, doing="waiting for a node for 40 s", starting=True)
            ),
            "True",
            "AsExpected",
            "1 wanted: waiting for a node for 40 s.",
            id="a node may still come",
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(1), pods=STUCK), "False", "Unschedulable", "no node", id="none came"
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(2, 1), pods=Pods(looked=True, working=1, problem=NO_NODE)),
            "True",
            "Unschedulable",
            "1 of 2 workers are ready: no node",
            id="one of two has none",
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(4, 2, QUOTA, existing=2), pods=Pods(looked=True, working=2)),
            "True",
            "FailedCreate",
            "2 of 4 workers are ready: exceeded quota",
            id="a quota for two of four",
        ),
        pytest.param(
            make_facts(
                **UP, workers=Workers(4, 0, QUOTA, existing=2), pods=Pods(looked=True, starting=True, doing="starts")
            ),
            "True",
            "FailedCreate",
            "4 wanted: exceeded quota",
            id="a quota, and two that start",
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(1, 0, QUOTA), pods=Pods(looked=True)),
            "False",
            "FailedCreate",
            "exceeded quota",
            id="a quota for none",
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(2), pods=Pods(looked=True, problem=NO_NODE, starting=True)),
            "True",
            "Unschedulable",
            "2 wanted: no node",
            id="one waits for a node and one starts",
        ),
        pytest.param(
            make_facts(**UP, workers=Workers(2, 2, existing=2), pods=Pods(looked=True, working=0, problem=NO_NODE)),
            "False",
            "Unschedulable",
            "no node",
            id="ready by chance between two crashes",
        ),
    ],
)
def test_ready_is_lost_only_where_no_worker_is_ready_and_none_will_be(
    facts: Facts, ready_status: str, degraded: str, available: str
) -> None:
    assert ready(facts).status == ready_status
    assert of("Degraded", facts).reason == degraded
    assert of("WorkerAvailable", facts).message == available


def test_a_rollout_that_cannot_proceed_is_reported_while_a_former_worker_serves() -> None:
    image = Problem("ErrImagePull", "no such image")
    stuck = make_facts(
        **UP, workers=Workers(2, 1, existing=2, outdated=1), pods=Pods(looked=True, working=1, problem=image)
    )

    assert (ready(stuck).status, ready(stuck).reason) == ("True", "RollingOut")
    assert "1 of 2 workers have the present one" in ready(stuck).message
    assert of("Degraded", stuck).reason == "ErrImagePull"
    assert ready(make_facts(**UP, workers=Workers(2, 2, existing=2, outdated=1))).reason == "WorkersRunning"


def test_a_model_server_that_is_away_takes_ready_away_but_is_no_fault_at_once() -> None:
    lost = Problem("ModelServerNotReady", "the model server is not ready")
    facts = make_facts(
        **UP, workers=Workers(1), stats=Stats(1, 0, 0, 0), pods=Pods(looked=True, starting=True, lost=lost)
    )

    assert (ready(facts).status, ready(facts).reason) == ("Unknown", "ModelServerNotReady")
    assert of("Degraded", facts).status == "False"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"pods": Pods(looked=True, working=1)}, "Active", id="only another container is not ready"),
        pytest.param({"stats": Stats(1, 1, 0, 0)}, "Active", id="a job runs"),
        pytest.param({"stats": Stats(1, 1, 0, 0), "workers": Workers()}, "Waking", id="of a worker that is gone"),
        pytest.param({}, "Waking", id="nothing runs"),
    ],
)
def test_what_has_a_job_in_hand_is_active(changes: dict[str, Any], expected: str) -> None:
    facts = make_facts(**{**UP, "workers": Workers(1), "stats": Stats(1, 0, 0, 0), **changes})

    assert verdict(facts).state == expected


@pytest.mark.parametrize(("seconds", "reason"), [(CLAIM_SECONDS - 1, "WorkersRunning"), (CLAIM_SECONDS, "NotClaiming")])
def test_a_ready_worker_that_claims_nothing(seconds: float, reason: str) -> None:
    facts = make_facts(**UP, stats=Stats(1, 0, 0, 0), workers=Workers(1, 1), unclaimed_since=NOW - seconds)

    assert ready(facts).reason == reason


def test_a_fault_of_the_engine_goes_before_the_claims_that_it_holds_up() -> None:
    stats = Stats(1, 0, 0, 0, {}, "nobody listens", NOW - 9)
    facts = make_facts(**UP, stats=stats, workers=Workers(1, 1), unclaimed_since=NOW - 999)

    assert ready(facts).reason == "EngineRefuses"


PAUSE = Problem("Paused", "paused by somebody")


@pytest.mark.parametrize("starts_workers", [True, False])
@pytest.mark.parametrize("replicas", [0, 1])
def test_a_pause_that_is_not_ours_is_reported(replicas: int, *, starts_workers: bool) -> None:
    """Ready is lost where no worker starts; where one runs, or only none may end, a job is still done."""
    scaler = Scaler(ready=True, active=False, pause=PAUSE, starts_workers=starts_workers)
    facts = make_facts(**{**UP, "scaler": scaler}, workers=Workers(replicas, replicas))
    starved = replicas == 0 and not starts_workers

    assert (of("ScalerReady", facts).status, of("ScalerReady", facts).reason) == ("False", "Paused")
    assert of("Degraded", facts).reason == "Paused"
    assert all(PAUSE.message in of(kind, facts).message for kind in ("ScalerReady", "Degraded", "Ready"))
    assert ready(facts).status == ("False" if starved else "True")


def test_a_suspended_workload_is_paused_by_the_operator_itself() -> None:
    scaler = Scaler(ready=True, pause=PAUSE, starts_workers=False)
    facts = make_facts(**{**UP, "scaler": scaler}, suspend=True)

    assert of("ScalerReady", facts).status == "True"
    assert ready(facts).reason == "Suspended"


@pytest.mark.parametrize(
    ("seconds", "polling", "reason"),
    [(59, 2, "ScaledToZero"), (60, 2, "ScalerNotLooking"), (89, 30, "ScaledToZero"), (90, 30, "ScalerNotLooking")],
)
def test_a_keda_that_does_not_see_what_waits(seconds: float, polling: int, reason: str) -> None:
    facts = make_facts(**UP, stats=Stats(1, 0, 0, 0), unscaled_since=NOW - seconds, polling_seconds=polling)

    assert ready(facts).reason == reason
    assert (of("ScalerReady", facts).reason == "ScalerNotLooking") == (reason == "ScalerNotLooking")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({}, "ScalerNotLooking", id="long after the cooldown"),
        pytest.param({"now": NOW - 1}, "ScaledObjectReady", id="KEDA may still do it"),
        pytest.param({"stats": Stats(0, 1, 0, 0)}, "ScaledObjectReady", id="a job runs"),
        pytest.param({"min_replicas": 1}, "ScaledObjectReady", id="one is kept"),
        pytest.param({"kept": Kept(1, UNTIL, "UTC")}, "ScaledObjectReady", id="a schedule keeps one"),
        pytest.param({"workers": Workers()}, "ScaledObjectReady", id="none is there"),
    ],
)
def test_a_keda_that_lets_no_worker_go(changes: dict[str, Any], reason: str) -> None:
    scaler = Scaler(ready=True, active=False, last_active=NOW - 60 - 60)
    facts = make_facts(**{**UP, "scaler": scaler, "workers": Workers(1, 1), **changes})

    assert of("ScalerReady", facts).reason == reason
    assert of("Degraded", facts).reason == (reason if reason == "ScalerNotLooking" else "AsExpected")
    assert ready(facts).status == "True"


ENDING = Pods(looked=True, ending=1, ending_since=NOW - 45, ending_until=NOW + 585)


def test_zero_is_when_the_pods_are_gone() -> None:
    facts = make_facts(**UP, pods=ENDING)

    assert verdict(facts).state == "CoolingDown"
    assert sentence(facts) == "1 worker is still ending (for 40 s)."
    assert verdict(facts).replicas == 1
    assert verdict(facts).asleep_at is None
    assert of("WorkerAvailable", facts).message == "No worker is needed; 1 worker is still ending (for 40 s)."
    assert ready(facts).status == "True"


def test_a_suspended_workload_is_drained_when_its_pods_are_gone() -> None:
    condition = of("Suspended", make_facts(**UP, pods=ENDING, suspend=True))

    assert (condition.reason, condition.message) == (
        "Draining",
        "Takes prompts, runs none; 1 worker is still ending (for 40 s).",
    )


@pytest.mark.parametrize(
    ("seconds", "in_flight", "reason"),
    [(59, 0, "AsExpected"), (60, 0, "EndingSlowly"), (600, 1, "AsExpected")],
)
def test_a_pod_that_ignores_sigterm_is_reported(seconds: float, in_flight: int, reason: str) -> None:
    """One that still has a job takes the time it has."""
    ending = msgspec.structs.replace(ENDING, ending_since=NOW - seconds)
    condition = of("Degraded", make_facts(**UP, pods=ending, stats=Stats(0, in_flight, 0, 0)))

    assert condition.reason == reason
    if reason == "EndingSlowly":
        assert "until 1970-01-12T13:56:25Z at the latest" in condition.message


@pytest.mark.parametrize("most", [1, 4])
def test_another_autoscaler_of_the_same_deployment_is_reported(most: int) -> None:
    """With one worker, too: it may want more."""
    scaler = Scaler(ready=True, active=True, conflict=Problem("ForeignAutoscaler", "theirs"))
    condition = of("Degraded", make_facts(**{**UP, "scaler": scaler}, workers=Workers(1, 1), max_replicas=most))

    assert (condition.reason, condition.message) == ("ForeignAutoscaler", "theirs")
