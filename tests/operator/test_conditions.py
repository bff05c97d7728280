"""What the operator says of a workload, for everything that it may see of it."""

from typing import Any

import msgspec
import pytest

from greenscale_jobs import Stats
from greenscale_operator.conditions import Condition, asleep_at, conditions, ready, running, sentence, state
from greenscale_operator.faults import CLAIM_SECONDS
from greenscale_operator.observed import Fault, Observed, Pods, Scaler, Workers
from greenscale_operator.schedules import Kept

EMPTY = Stats(0, 0, 0, 0)
NOW = 1_000_000.0
UNTIL = NOW + 11_600
"""18:00 of the same day in Berlin."""

ASLEEP = Observed(
    now=NOW,
    generation=1,
    max_replicas=4,
    cooldown_seconds=60,
    redis="redis:6379",
    stats=EMPTY,
    workers=Workers(),
    scaler=Scaler(ready=True, active=False),
    is_accepted=True,
)
"""A workload that is well and has nothing to do."""


def seen(**changes: Any) -> Observed:
    return msgspec.structs.replace(ASLEEP, **changes)


RUNNING = {"workers": Workers(replicas=2, ready=2), "scaler": Scaler(ready=True, active=True, last_active=NOW - 5)}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(seen(), "ScaledToZero", id="nothing to do"),
        pytest.param(seen(stats=Stats(0, 0, 3, 2)), "ScaledToZero", id="only what is delayed or dead"),
        pytest.param(seen(stats=Stats(1, 0, 0, 0)), "Waking", id="a job, and no worker yet"),
        pytest.param(
            seen(stats=Stats(1, 0, 0, 0), workers=Workers(replicas=1)), "Waking", id="a worker that is not ready"
        ),
        pytest.param(seen(**RUNNING, waking_since=NOW - 3), "Waking", id="ready, and nothing claimed yet"),
        pytest.param(seen(**RUNNING, stats=Stats(0, 1, 0, 0)), "Active", id="the last job runs"),
        pytest.param(seen(**RUNNING), "CoolingDown", id="nothing left"),
        pytest.param(seen(**RUNNING, min_replicas=2), "Active", id="no more than the least"),
        pytest.param(seen(**RUNNING, min_replicas=1), "CoolingDown", id="more than the least"),
        pytest.param(seen(**RUNNING, kept=Kept(2, NOW + 60, "UTC")), "Active", id="kept by a schedule"),
        pytest.param(seen(**RUNNING, kept=Kept(1, NOW + 60, "UTC")), "CoolingDown", id="more than a schedule keeps"),
        pytest.param(seen(**RUNNING, stats=Stats(5, 1, 0, 0), suspend=True), "Suspended", id="suspended, draining"),
        pytest.param(seen(queue_fault=Fault("RedisUnavailable", "gone")), "Degraded", id="no Redis"),
        pytest.param(seen(**RUNNING, stats=Stats(1, 0, 0, 0, {}, "no key", NOW - 9)), "Degraded", id="no key"),
        pytest.param(
            seen(**RUNNING, stats=Stats(0, 1, 0, 0, {}, "no key", NOW - 999)), "Active", id="a fault of long ago"
        ),
        pytest.param(seen(scaler=Scaler(ready=False, reason="TriggerError")), "Degraded", id="KEDA has a fault"),
        pytest.param(
            seen(workers=Workers(1), pods=Pods(fault=Fault("Unschedulable", "no GPU"))), "Degraded", id="no node"
        ),
    ],
)
def test_state(observed: Observed, expected: str) -> None:
    assert state(observed) == expected


@pytest.mark.parametrize(
    ("observed", "status", "reason"),
    [
        pytest.param(seen(), "True", "ScaledToZero", id="at zero"),
        pytest.param(seen(**RUNNING), "True", "WorkersRunning", id="with workers"),
        pytest.param(seen(stats=Stats(1, 0, 0, 0)), "True", "ScaledToZero", id="while it wakes"),
        pytest.param(seen(suspend=True), "False", "Suspended", id="suspended"),
        pytest.param(seen(workers=None), "Unknown", "Progressing", id="no Deployment yet"),
        pytest.param(seen(scaler=None), "Unknown", "Progressing", id="no ScaledObject yet"),
        pytest.param(seen(scaler=Scaler()), "Unknown", "WaitingForKeda", id="KEDA has said nothing"),
        pytest.param(
            seen(scaler_fault=Fault("KedaNotInstalled", "install it")), "False", "KedaNotInstalled", id="no KEDA"
        ),
        pytest.param(
            seen(scaler_fault=Fault("BeingDeleted", "KEDA"), scaler=None), "False", "BeingDeleted", id="KEDA went away"
        ),
        pytest.param(
            seen(worker_fault=Fault("SecretMissing", "s"), scaler=None), "False", "SecretMissing", id="no Secret"
        ),
        pytest.param(
            seen(spec_fault=Fault("InvalidSpec", "s"), queue_fault=Fault("RedisUnavailable", "r")),
            "False",
            "InvalidSpec",
            id="the cause before its consequences",
        ),
        pytest.param(
            seen(workers=Workers(1, failure=Fault("FailedCreate", "quota"))), "False", "FailedCreate", id="no pods made"
        ),
    ],
)
def test_ready_means_that_a_job_submitted_now_will_be_done(observed: Observed, status: str, reason: str) -> None:
    told = ready(observed)

    assert (told.status, told.reason) == (status, reason)


OUT = Stats(36, 2, 2, 0, {}, "nobody listens at http://api/v1", NOW - 9)
AWAKE = "2 workers stay awake while 40 jobs wait; set spec.suspend to true to let them go."


@pytest.mark.parametrize("kind", ["Ready", "Degraded"])
def test_a_fault_of_the_engine_says_what_it_keeps_awake_and_what_lets_that_go(kind: str) -> None:
    (told,) = [told for told in conditions(seen(**RUNNING, stats=OUT)) if told.type == kind]

    assert (told.reason, told.message) == ("EngineRefuses", f"nobody listens at http://api/v1. {AWAKE}")


def test_a_refused_key_is_named_while_the_kubelet_holds_its_worker_back() -> None:
    """A worker whose key is refused ends again and again, to read the Secret again: that is the consequence."""
    refused = Stats(1, 0, 0, 0, {}, "it refuses the API key", NOW - 300, NOW + 120)
    held_back = Fault("CrashLoopBackOff", "exit status 3")
    told = ready(seen(stats=refused, workers=Workers(replicas=1), pods=Pods(looked=True, fault=held_back)))

    assert (told.status, told.reason) == ("False", "EngineRefuses")


def test_a_workload_at_zero_reads_like_an_explanation() -> None:
    assert conditions(seen()) == [
        Condition("Ready", "True", "ScaledToZero", "A job submitted now wakes a worker and will be done."),
        Condition("SpecAccepted", "True", "Accepted", "Kubernetes accepts every object of this spec."),
        Condition("QueueReachable", "True", "RedisAnswers", "Redis at redis:6379 answers."),
        Condition("WorkerAvailable", "True", "ScaledToZero", "No worker is needed; one is started when a job comes."),
        Condition("ScalerReady", "True", "ScaledObjectReady", "KEDA watches the queue."),
        Condition("Active", "False", "NoWork", "No job waits or runs."),
        Condition("Suspended", "False", "NotSuspended", "Not suspended."),
        Condition("Degraded", "False", "AsExpected", "No action needed."),
    ]


@pytest.mark.parametrize("changes", [{}, RUNNING, {"workers": None}, {"stats": None}, {"suspend": True}])
def test_every_condition_is_always_told(changes: dict[str, Any]) -> None:
    kinds = [told.type for told in conditions(seen(**changes))]

    assert kinds == [
        "Ready",
        "SpecAccepted",
        "QueueReachable",
        "WorkerAvailable",
        "ScalerReady",
        "Active",
        "Suspended",
        "Degraded",
    ]


def test_an_hpa_without_numbers_degrades_only_what_may_have_several_workers() -> None:
    scaler = Scaler(ready=True, active=True, hpa_reason="FailedGetExternalMetric", hpa_message="x")
    several, one = seen(**{**RUNNING, "scaler": scaler}), seen(**{**RUNNING, "scaler": scaler}, max_replicas=1)

    assert [told.status for told in conditions(several) if told.type in {"Ready", "Degraded"}] == ["True", "True"]
    assert [told.status for told in conditions(one) if told.type in {"Ready", "Degraded"}] == ["True", "False"]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(seen(), "Nothing runs, nothing costs. A prompt wakes it.", id="asleep"),
        pytest.param(
            seen(stats=Stats(2, 0, 0, 0), pods=Pods(doing="waiting for a node")),
            "2 jobs waiting: waiting for a node.",
            id="waking",
        ),
        pytest.param(seen(**RUNNING, stats=Stats(5, 3, 0, 0)), "3 running, 5 waiting, 2 of 4 workers.", id="active"),
        pytest.param(
            seen(**RUNNING, suspend=True, stats=Stats(5, 1, 0, 0)),
            "Takes prompts, claims none; 1 job still running.",
            id="draining",
        ),
        pytest.param(seen(queue_fault=Fault("R", "Redis is gone.")), "Redis is gone.", id="degraded"),
        pytest.param(seen(**RUNNING, min_replicas=2), "Idle; the minimum of 2 workers is kept.", id="the minimum"),
        pytest.param(
            seen(**RUNNING, min_replicas=1, kept=Kept(2, UNTIL, "Europe/Berlin")),
            "Idle; 2 workers are kept by a schedule until 18:00 (Europe/Berlin).",
            id="a schedule",
        ),
        pytest.param(
            seen(**RUNNING, min_replicas=2, kept=Kept(1, UNTIL, "UTC")),
            "Idle; the minimum of 2 workers is kept.",
            id="a schedule that asks for less than the minimum",
        ),
        pytest.param(
            seen(**RUNNING, kept=Kept(1, UNTIL, "Europe/Berlin")),
            "No job is left; when the cooldown is over, 1 worker is kept by a schedule until 18:00 (Europe/Berlin).",
            id="more than a schedule keeps",
        ),
        pytest.param(
            seen(**RUNNING, min_replicas=1),
            "No job is left; when the cooldown is over, the minimum of 1 worker is kept.",
            id="more than the minimum",
        ),
    ],
)
def test_sentence(observed: Observed, expected: str) -> None:
    assert sentence(observed) == expected


def test_the_end_of_the_cooldown_is_told_only_while_it_runs() -> None:
    assert asleep_at(seen(**RUNNING)) == NOW - 5 + 60
    assert asleep_at(seen(**RUNNING, min_replicas=1)) is None
    assert asleep_at(seen(**RUNNING, kept=Kept(1, UNTIL, "UTC"))) is None
    assert asleep_at(seen(**RUNNING, cooldown_seconds=5)) is None, "never in the past: KEDA is late"
    assert asleep_at(seen()) is None


UP = {"scaler": Scaler(ready=True, active=True, last_active=NOW - 5), "name": "w", "namespace": "shop"}
QUOTA = Fault("FailedCreate", "exceeded quota")
NO_NODE = Fault("Unschedulable", "no node")
STUCK = Pods(looked=True, fault=NO_NODE)


def of(kind: str, observed: Observed) -> Condition:
    return next(condition for condition in conditions(observed) if condition.type == kind)


@pytest.mark.parametrize(
    ("observed", "ready_status", "degraded", "available"),
    [
        pytest.param(
            seen(**UP, workers=Workers(1), pods=Pods(looked=True, doing="waiting for a node for 40 s", starting=True)),
            "True",
            "AsExpected",
            "1 wanted: waiting for a node for 40 s.",
            id="a node may still come",
        ),
        pytest.param(seen(**UP, workers=Workers(1), pods=STUCK), "False", "Unschedulable", "no node", id="none came"),
        pytest.param(
            seen(**UP, workers=Workers(2, 1), pods=Pods(looked=True, working=1, fault=NO_NODE)),
            "True",
            "Unschedulable",
            "1 of 2 workers are ready: no node",
            id="one of two has none",
        ),
        pytest.param(
            seen(**UP, workers=Workers(4, 2, QUOTA, existing=2), pods=Pods(looked=True, working=2)),
            "True",
            "FailedCreate",
            "2 of 4 workers are ready: exceeded quota",
            id="a quota for two of four",
        ),
        pytest.param(
            seen(**UP, workers=Workers(4, 0, QUOTA, existing=2), pods=Pods(looked=True, starting=True, doing="starts")),
            "True",
            "FailedCreate",
            "4 wanted: exceeded quota",
            id="a quota, and two that start",
        ),
        pytest.param(
            seen(**UP, workers=Workers(1, 0, QUOTA), pods=Pods(looked=True)),
            "False",
            "FailedCreate",
            "exceeded quota",
            id="a quota for none",
        ),
        pytest.param(
            seen(**UP, workers=Workers(2), pods=Pods(looked=True, fault=NO_NODE, starting=True)),
            "True",
            "Unschedulable",
            "2 wanted: no node",
            id="one waits for a node and one starts",
        ),
        pytest.param(
            seen(**UP, workers=Workers(2, 2, existing=2), pods=Pods(looked=True, working=0, fault=NO_NODE)),
            "False",
            "Unschedulable",
            "no node",
            id="ready by chance between two crashes",
        ),
    ],
)
def test_ready_is_lost_only_where_no_worker_is_ready_and_none_will_be(
    observed: Observed, ready_status: str, degraded: str, available: str
) -> None:
    assert ready(observed).status == ready_status
    assert of("Degraded", observed).reason == degraded
    assert of("WorkerAvailable", observed).message == available


def test_a_rollout_that_cannot_proceed_is_reported_while_a_former_worker_serves() -> None:
    image = Fault("ErrImagePull", "no such image")
    stuck = seen(**UP, workers=Workers(2, 1, existing=2, outdated=1), pods=Pods(looked=True, working=1, fault=image))

    assert (ready(stuck).status, ready(stuck).reason) == ("True", "RollingOut")
    assert "1 of 2 workers have the present one" in ready(stuck).message
    assert of("Degraded", stuck).reason == "ErrImagePull"
    assert ready(seen(**UP, workers=Workers(2, 2, existing=2, outdated=1))).reason == "WorkersRunning"


def test_a_model_server_that_is_away_takes_ready_away_but_is_no_fault_at_once() -> None:
    lost = Fault("ModelServerNotReady", "the model server is not ready")
    observed = seen(**UP, workers=Workers(1), stats=Stats(1, 0, 0, 0), pods=Pods(looked=True, starting=True, lost=lost))

    assert (ready(observed).status, ready(observed).reason) == ("Unknown", "ModelServerNotReady")
    assert of("Degraded", observed).status == "False"


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
    observed = seen(**{**UP, "workers": Workers(1), "stats": Stats(1, 0, 0, 0), **changes})

    assert state(observed) == expected


@pytest.mark.parametrize(("seconds", "reason"), [(CLAIM_SECONDS - 1, "WorkersRunning"), (CLAIM_SECONDS, "NotClaiming")])
def test_a_ready_worker_that_claims_nothing(seconds: float, reason: str) -> None:
    observed = seen(**UP, stats=Stats(1, 0, 0, 0), workers=Workers(1, 1), unclaimed_since=NOW - seconds)

    assert ready(observed).reason == reason


def test_a_fault_of_the_engine_goes_before_the_claims_that_it_holds_up() -> None:
    stats = Stats(1, 0, 0, 0, {}, "nobody listens", NOW - 9)
    observed = seen(**UP, stats=stats, workers=Workers(1, 1), unclaimed_since=NOW - 999)

    assert ready(observed).reason == "EngineRefuses"


PREFIX = "autoscaling.keda.sh/"


@pytest.mark.parametrize("name", ["paused", "paused-replicas", "paused-scale-out", "paused-scale-in"])
@pytest.mark.parametrize("replicas", [0, 1])
def test_a_pause_that_is_not_ours_is_reported_with_the_command_that_undoes_it(name: str, replicas: int) -> None:
    """Ready is lost where it lets no worker start; where one runs, or only none may go, a job is still done."""
    scaler = Scaler(ready=True, active=False, pauses=(PREFIX + name,))
    workers = Workers(replicas, replicas)
    observed = seen(**{**UP, "scaler": scaler}, workers=workers)
    command = f"kubectl annotate scaledobject w-scaler -n shop {PREFIX}{name}-"
    starved = replicas == 0 and name != "paused-scale-in"

    assert (of("ScalerReady", observed).status, of("ScalerReady", observed).reason) == ("False", "Paused")
    assert of("Degraded", observed).reason == "Paused"
    assert all(command in of(kind, observed).message for kind in ("ScalerReady", "Degraded", "Ready"))
    assert ready(observed).status == ("False" if starved else "True")


def test_a_suspended_workload_is_paused_by_the_operator_itself() -> None:
    scaler = Scaler(ready=True, pauses=(PREFIX + "paused-replicas",))
    observed = seen(**{**UP, "scaler": scaler}, suspend=True)

    assert of("ScalerReady", observed).status == "True"
    assert ready(observed).reason == "Suspended"


@pytest.mark.parametrize(
    ("seconds", "polling", "reason"),
    [(59, 2, "ScaledToZero"), (60, 2, "ScalerNotLooking"), (89, 30, "ScaledToZero"), (90, 30, "ScalerNotLooking")],
)
def test_a_keda_that_does_not_see_what_waits(seconds: float, polling: int, reason: str) -> None:
    observed = seen(**UP, stats=Stats(1, 0, 0, 0), unscaled_since=NOW - seconds, polling_seconds=polling)

    assert ready(observed).reason == reason
    assert (of("ScalerReady", observed).reason == "ScalerNotLooking") == (reason == "ScalerNotLooking")


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
    observed = seen(**{**UP, "scaler": scaler, "workers": Workers(1, 1), **changes})

    assert of("ScalerReady", observed).reason == reason
    assert of("Degraded", observed).reason == (reason if reason == "ScalerNotLooking" else "AsExpected")
    assert ready(observed).status == "True"


ENDING = Pods(looked=True, ending=1, ending_since=NOW - 45, ending_until=NOW + 585)


def test_zero_is_when_the_pods_are_gone() -> None:
    observed = seen(**UP, pods=ENDING)

    assert state(observed) == "CoolingDown"
    assert sentence(observed) == "1 worker is still ending (for 40 s)."
    assert running(observed) == 1
    assert asleep_at(observed) is None
    assert of("WorkerAvailable", observed).message == "No worker is needed; 1 worker is still ending (for 40 s)."
    assert ready(observed).status == "True"


def test_a_suspended_workload_is_drained_when_its_pods_are_gone() -> None:
    told = of("Suspended", seen(**UP, pods=ENDING, suspend=True))

    assert (told.reason, told.message) == ("Draining", "Takes prompts, runs none; 1 worker is still ending (for 40 s).")


@pytest.mark.parametrize(
    ("seconds", "in_flight", "reason"),
    [(59, 0, "AsExpected"), (60, 0, "EndingSlowly"), (600, 1, "AsExpected")],
)
def test_a_pod_that_ignores_sigterm_is_reported(seconds: float, in_flight: int, reason: str) -> None:
    """One that still has a job takes the time it has."""
    ending = msgspec.structs.replace(ENDING, ending_since=NOW - seconds)
    told = of("Degraded", seen(**UP, pods=ending, stats=Stats(0, in_flight, 0, 0)))

    assert told.reason == reason
    if reason == "EndingSlowly":
        assert "until 1970-01-12T13:56:25Z at the latest" in told.message


@pytest.mark.parametrize("most", [1, 4])
def test_another_autoscaler_of_the_same_deployment_is_named(most: int) -> None:
    words = "pods by selector are controlled by multiple HPAs: [shop/keda-hpa-w-scaler shop/theirs]"
    scaler = Scaler(ready=True, active=True, hpa_reason="AmbiguousSelector", hpa_message=words)
    told = of("Degraded", seen(**{**UP, "scaler": scaler}, workers=Workers(1, 1), max_replicas=most))

    assert told.reason == "ForeignAutoscaler"
    assert "shop/theirs" in told.message
    assert "kubectl get hpa -n shop" in told.message


def test_an_autoscaler_that_was_there_before_is_named_with_the_command_that_removes_it() -> None:
    words = "the workload 'w' of type 'apps/v1.Deployment' is already managed by the hpa 'theirs'."
    refused = seen(**{**UP, "scaler": None}, refusal=Fault("Rejected", words))
    not_made = seen(**{**UP, "scaler": None}, scaler_fault=Fault("Rejected", words))
    remedy = "To remove it: kubectl delete hpa theirs -n shop"

    assert of("SpecAccepted", refused).message.endswith(remedy)
    assert of("Ready", refused).message.endswith(remedy)
    assert of("ScalerReady", not_made).message.endswith(remedy)


REFUSED = Fault("Rejected", "Kubernetes refused to apply it.")


@pytest.mark.parametrize(
    ("changes", "accepted", "is_ready"),
    [
        pytest.param({}, ("True", "Accepted"), ("True", "ScaledToZero"), id="accepted"),
        pytest.param({"refusal": REFUSED}, ("False", "Rejected"), ("False", "Rejected"), id="refused"),
        pytest.param(
            {"spec_fault": Fault("InvalidSpec", "x")}, ("False", "InvalidSpec"), ("False", "InvalidSpec"), id="invalid"
        ),
        pytest.param({"is_accepted": False}, ("Unknown", "Progressing"), ("True", "ScaledToZero"), id="not tried"),
        pytest.param(
            {"is_accepted": False, "worker_fault": Fault("Forbidden", "x")},
            ("Unknown", "Forbidden"),
            ("False", "Forbidden"),
            id="a right is missing",
        ),
        pytest.param(
            {"is_accepted": False, "pending": Fault("Progressing", "503")},
            ("Unknown", "Progressing"),
            ("Unknown", "Progressing"),
            id="not made yet",
        ),
        pytest.param(
            {"is_accepted": False, "failure": Fault("InternalError", "x")},
            ("Unknown", "InternalError"),
            ("False", "InternalError"),
            id="the operator failed",
        ),
    ],
)
def test_a_spec_is_accepted_or_the_status_says_by_whom_it_is_not(
    changes: dict[str, Any], accepted: tuple[str, str], is_ready: tuple[str, str]
) -> None:
    found = {one.type: (one.status, one.reason) for one in conditions(seen(**changes))}

    assert found["SpecAccepted"] == accepted
    assert found["Ready"] == is_ready


def test_workers_of_the_former_version_are_still_shown() -> None:
    """A refused edit changes nothing: what ran before goes on."""
    found = {one.type: (one.status, one.reason) for one in conditions(seen(**RUNNING, refusal=REFUSED))}

    assert found["WorkerAvailable"] == ("True", "Running")
    assert found["ScalerReady"] == ("True", "ScaledObjectReady")
