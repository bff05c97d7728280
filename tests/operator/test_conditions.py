"""The conditions, the state and the sentence of a workload, for everything that the operator may find of it."""

from typing import Any

import pytest

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Kept, Problem
from greenscale_operator.conditions import Condition, conditions, ready
from greenscale_operator.facts import Facts, Pods, Scaler, Workers
from greenscale_operator.verdict import verdict
from greenscale_testing.observations import NOW, RUNNING, UNTIL, make_facts, of, sentence


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(make_facts(), "ScaledToZero", id="nothing to do"),
        pytest.param(make_facts(stats=Stats(0, 0, 3, 2)), "ScaledToZero", id="only what is delayed or dead"),
        pytest.param(make_facts(stats=Stats(1, 0, 0, 0)), "Waking", id="a job, and no worker yet"),
        pytest.param(
            make_facts(stats=Stats(1, 0, 0, 0), workers=Workers(replicas=1)), "Waking", id="a worker that is not ready"
        ),
        pytest.param(make_facts(**RUNNING, waking_since=NOW - 3), "Waking", id="ready, and nothing claimed yet"),
        pytest.param(make_facts(**RUNNING, stats=Stats(0, 1, 0, 0)), "Active", id="the last job runs"),
        pytest.param(make_facts(**RUNNING), "CoolingDown", id="nothing left"),
        pytest.param(make_facts(**RUNNING, min_replicas=2), "Active", id="no more than the least"),
        pytest.param(make_facts(**RUNNING, min_replicas=1), "CoolingDown", id="more than the least"),
        pytest.param(make_facts(**RUNNING, kept=Kept(2, NOW + 60, "UTC")), "Active", id="kept by a schedule"),
        pytest.param(
            make_facts(**RUNNING, kept=Kept(1, NOW + 60, "UTC")), "CoolingDown", id="more than a schedule keeps"
        ),
        pytest.param(
            make_facts(**RUNNING, stats=Stats(5, 1, 0, 0), suspend=True), "Suspended", id="suspended, draining"
        ),
        pytest.param(make_facts(queue_problem=Problem("RedisUnavailable", "gone")), "Degraded", id="no Redis"),
        pytest.param(make_facts(**RUNNING, stats=Stats(1, 0, 0, 0, {}, "no key", NOW - 9)), "Degraded", id="no key"),
        pytest.param(
            make_facts(**RUNNING, stats=Stats(0, 1, 0, 0, {}, "no key", NOW - 999)),
            "Active",
            id="a problem of long ago",
        ),
        pytest.param(
            make_facts(scaler=Scaler(ready=False, problem=Problem("TriggerError", "x"))), "Degraded", id="no scaling"
        ),
        pytest.param(
            make_facts(workers=Workers(1), pods=Pods(problem=Problem("Unschedulable", "no GPU"))),
            "Degraded",
            id="no node",
        ),
    ],
)
def test_state(facts: Facts, expected: str) -> None:
    assert verdict(facts).state == expected


@pytest.mark.parametrize(
    ("facts", "status", "reason"),
    [
        pytest.param(make_facts(), "True", "ScaledToZero", id="at zero"),
        pytest.param(make_facts(**RUNNING), "True", "WorkersRunning", id="with workers"),
        pytest.param(make_facts(stats=Stats(1, 0, 0, 0)), "True", "ScaledToZero", id="while it wakes"),
        pytest.param(make_facts(suspend=True), "False", "Suspended", id="suspended"),
        pytest.param(make_facts(workers=None), "Unknown", "Progressing", id="no Deployment yet"),
        pytest.param(make_facts(scaler=None), "Unknown", "Progressing", id="no ScaledObject yet"),
        pytest.param(make_facts(scaler=Scaler()), "Unknown", "WaitingForKeda", id="KEDA has reported nothing"),
        pytest.param(
            make_facts(scaler_problem=Problem("KedaNotInstalled", "install it")),
            "False",
            "KedaNotInstalled",
            id="no KEDA",
        ),
        pytest.param(
            make_facts(scaler_problem=Problem("BeingDeleted", "KEDA"), scaler=None),
            "False",
            "BeingDeleted",
            id="KEDA went away",
        ),
        pytest.param(
            make_facts(worker_problem=Problem("SecretMissing", "s"), scaler=None),
            "False",
            "SecretMissing",
            id="no Secret",
        ),
        pytest.param(
            make_facts(spec_problem=Problem("InvalidSpec", "s"), queue_problem=Problem("RedisUnavailable", "r")),
            "False",
            "InvalidSpec",
            id="the cause before its consequences",
        ),
        pytest.param(
            make_facts(workers=Workers(1, failure=Problem("FailedCreate", "quota"))),
            "False",
            "FailedCreate",
            id="no pods made",
        ),
    ],
)
def test_ready_means_that_a_job_submitted_now_will_be_done(facts: Facts, status: str, reason: str) -> None:
    condition = ready(facts)

    assert (condition.status, condition.reason) == (status, reason)


OUT = Stats(36, 2, 2, 0, {}, "nobody listens at http://api/v1", NOW - 9)
AWAKE = "2 workers stay awake while 40 jobs wait; set spec.suspend to true to let them go."


@pytest.mark.parametrize("kind", ["Ready", "Degraded"])
def test_a_fault_of_the_engine_says_what_it_keeps_awake_and_what_lets_that_go(kind: str) -> None:
    (condition,) = [condition for condition in conditions(make_facts(**RUNNING, stats=OUT)) if condition.type == kind]

    assert (condition.reason, condition.message) == ("EngineRefuses", f"nobody listens at http://api/v1. {AWAKE}")


def test_a_refused_key_is_named_while_the_kubelet_holds_its_worker_back() -> None:
    """A worker whose key is refused ends again and again, to read the Secret again: that is the consequence."""
    refused = Stats(1, 0, 0, 0, {}, "it refuses the API key", NOW - 300, NOW + 120)
    held_back = Problem("CrashLoopBackOff", "exit status 3")
    condition = ready(make_facts(stats=refused, workers=Workers(replicas=1), pods=Pods(looked=True, problem=held_back)))

    assert (condition.status, condition.reason) == ("False", "EngineRefuses")


def test_a_workload_at_zero_reads_like_an_explanation() -> None:
    assert conditions(make_facts()) == [
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
def test_every_condition_is_always_reported(changes: dict[str, Any]) -> None:
    kinds = [condition.type for condition in conditions(make_facts(**changes))]

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
    scaler = Scaler(ready=True, active=True, stays_at_one=Problem("HPAFailing", "x"))
    several, one = (
        make_facts(**{**RUNNING, "scaler": scaler}),
        make_facts(**{**RUNNING, "scaler": scaler}, max_replicas=1),
    )

    assert [condition.status for condition in conditions(several) if condition.type in {"Ready", "Degraded"}] == [
        "True",
        "True",
    ]
    assert [condition.status for condition in conditions(one) if condition.type in {"Ready", "Degraded"}] == [
        "True",
        "False",
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(make_facts(), "Nothing runs, nothing costs. A prompt wakes it.", id="asleep"),
        pytest.param(
            make_facts(stats=Stats(2, 0, 0, 0), pods=Pods(doing="waiting for a node")),
            "2 jobs waiting: waiting for a node.",
            id="waking",
        ),
        pytest.param(
            make_facts(**RUNNING, stats=Stats(5, 3, 0, 0)), "3 running, 5 waiting, 2 of 4 workers.", id="active"
        ),
        pytest.param(
            make_facts(**RUNNING, suspend=True, stats=Stats(5, 1, 0, 0)),
            "Takes prompts, claims none; 1 job still running.",
            id="draining",
        ),
        pytest.param(make_facts(queue_problem=Problem("R", "Redis is gone.")), "Redis is gone.", id="degraded"),
        pytest.param(
            make_facts(**RUNNING, min_replicas=2), "Idle; the minimum of 2 workers is kept.", id="the minimum"
        ),
        pytest.param(
            make_facts(**RUNNING, min_replicas=1, kept=Kept(2, UNTIL, "Europe/Berlin")),
            "Idle; 2 workers are kept by a schedule until 18:00 (Europe/Berlin).",
            id="a schedule",
        ),
        pytest.param(
            make_facts(**RUNNING, min_replicas=2, kept=Kept(1, UNTIL, "UTC")),
            "Idle; the minimum of 2 workers is kept.",
            id="a schedule that asks for less than the minimum",
        ),
        pytest.param(
            make_facts(**RUNNING, kept=Kept(1, UNTIL, "Europe/Berlin")),
            "Idle; when the cooldown is over, 1 worker is kept by a schedule until 18:00 (Europe/Berlin).",
            id="more than a schedule keeps",
        ),
        pytest.param(
            make_facts(**RUNNING, min_replicas=1),
            "Idle; when the cooldown is over, the minimum of 1 worker is kept.",
            id="more than the minimum",
        ),
    ],
)
def test_sentence(facts: Facts, expected: str) -> None:
    assert sentence(facts) == expected


def test_the_end_of_the_cooldown_is_reported_only_while_it_runs() -> None:
    assert verdict(make_facts(**RUNNING)).asleep_at == NOW - 5 + 60
    assert verdict(make_facts(**RUNNING, min_replicas=1)).asleep_at is None
    assert verdict(make_facts(**RUNNING, kept=Kept(1, UNTIL, "UTC"))).asleep_at is None
    assert verdict(make_facts(**RUNNING, cooldown_seconds=5)).asleep_at is None, "never in the past: KEDA is late"
    assert verdict(make_facts()).asleep_at is None


def test_the_fault_of_a_suspended_workload_is_named() -> None:
    """It is Suspended, as was asked for; what will keep it from working once it is resumed is named too."""
    facts = make_facts(suspend=True, stats=OUT)

    assert verdict(facts).state == "Suspended"
    assert sentence(facts) == (
        "Takes prompts, claims none; 2 jobs still running. Problem: nobody listens at http://api/v1"
    )
    assert (of("Degraded", facts).reason, of("Suspended", facts).status) == ("EngineRefuses", "True")


REFUSED = Problem("Rejected", "Kubernetes refused to apply it.")


@pytest.mark.parametrize(
    ("changes", "accepted", "is_ready"),
    [
        pytest.param({}, ("True", "Accepted"), ("True", "ScaledToZero"), id="accepted"),
        pytest.param({"refusal": REFUSED}, ("False", "Rejected"), ("False", "Rejected"), id="refused"),
        pytest.param(
            {"spec_problem": Problem("InvalidSpec", "x")},
            ("False", "InvalidSpec"),
            ("False", "InvalidSpec"),
            id="invalid",
        ),
        pytest.param({"is_accepted": False}, ("Unknown", "Progressing"), ("True", "ScaledToZero"), id="not tried"),
        pytest.param(
            {"is_accepted": False, "worker_problem": Problem("Forbidden", "x")},
            ("Unknown", "Forbidden"),
            ("False", "Forbidden"),
            id="a right is missing",
        ),
        pytest.param(
            {"is_accepted": False, "pending": Problem("Progressing", "503")},
            ("Unknown", "Progressing"),
            ("Unknown", "Progressing"),
            id="not made yet",
        ),
        pytest.param(
            {"is_accepted": False, "failure": Problem("InternalError", "x")},
            ("Unknown", "InternalError"),
            ("False", "InternalError"),
            id="the operator failed",
        ),
    ],
)
def test_a_spec_is_accepted_or_the_status_says_by_whom_it_is_not(
    changes: dict[str, Any], accepted: tuple[str, str], is_ready: tuple[str, str]
) -> None:
    found = {one.type: (one.status, one.reason) for one in conditions(make_facts(**changes))}

    assert found["SpecAccepted"] == accepted
    assert found["Ready"] == is_ready


def test_workers_of_the_former_version_are_still_shown() -> None:
    """A refused edit changes nothing: what ran before goes on."""
    found = {one.type: (one.status, one.reason) for one in conditions(make_facts(**RUNNING, refusal=REFUSED))}

    assert found["WorkerAvailable"] == ("True", "Running")
    assert found["ScalerReady"] == ("True", "ScaledObjectReady")
