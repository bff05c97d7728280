"""What a Deployment's body says, and what is remembered of a workload between two reconciliations."""

from typing import Any

import pytest

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler, Workers, workers
from greenscale_operator.memory import NUDGE_SECONDS, STUCK_SECONDS, Memory

NOW = 1_000_000.0

Body = dict[str, Any]


def test_a_deployment_that_is_not_there() -> None:
    assert workers(None) is None


def test_a_deployment_without_a_status_yet() -> None:
    assert workers({"spec": {"replicas": 0}}) == Workers(0, 0)


def test_a_deployment_whose_pods_are_refused() -> None:
    failing = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    body = {"spec": {"replicas": 1}, "status": {"conditions": [failing]}}

    assert workers(body) == Workers(1, 0, Problem("FailedCreate", "Kubernetes cannot create pods: exceeded quota"))


@pytest.mark.parametrize(
    ("status", "outdated"),
    [
        pytest.param({"replicas": 2, "updatedReplicas": 2}, 0, id="all have the template"),
        pytest.param({"replicas": 2, "updatedReplicas": 1}, 1, id="a rollout"),
        pytest.param({"replicas": 2}, 2, id="a rollout that has not begun"),
        pytest.param({}, 0, id="no pods"),
    ],
)
def test_pods_of_a_former_template_are_counted(status: Body, outdated: int) -> None:
    found = workers({"spec": {"replicas": 2}, "status": status})

    assert found is not None
    assert found.outdated == outdated


def stats(pending: int = 0, in_flight: int = 0, done: int = 0) -> Stats:
    return Stats(pending, in_flight, 0, 0, {"done": done})


def test_jobs_that_wait_beside_a_ready_worker_are_noted_until_one_is_claimed() -> None:
    memory, idle = Memory(), Workers(replicas=1, ready=1)

    def unclaimed(after: float, found: Stats, workers: Workers = idle, *, suspended: bool = False) -> float | None:
        memory.note_waiting(workers, found, suspended=suspended, now=NOW + after)
        return memory.unclaimed_since

    assert unclaimed(0, stats(pending=1)) == NOW
    assert unclaimed(50, stats(pending=2)) == NOW
    assert unclaimed(60, stats(pending=1, done=1)) == NOW + 60  # one was claimed and done in between
    assert unclaimed(70, stats(pending=1, in_flight=1)) is None  # it has one in hand
    assert unclaimed(80, stats(pending=1), Workers(replicas=2, ready=1)) == NOW + 80
    assert unclaimed(90, stats()) is None
    assert unclaimed(95, stats(pending=1), suspended=True) is None
    assert unclaimed(96, stats(pending=1), Workers(replicas=1)) is None


def test_jobs_that_wait_at_zero_are_noted() -> None:
    memory, none = Memory(), Workers()

    def unscaled(
        after: float, found: Stats | None, workers: Workers = none, *, suspended: bool = False
    ) -> float | None:
        memory.note_waiting(workers, found, suspended=suspended, now=NOW + after)
        return memory.unscaled_since

    assert unscaled(0, stats(pending=1)) == NOW
    assert unscaled(50, stats(pending=2)) == NOW
    assert unscaled(51, stats(pending=2), suspended=True) is None
    assert unscaled(52, stats(pending=1), Workers(replicas=1)) is None
    assert unscaled(53, None) is None


def test_a_scaler_is_nudged_when_redis_answers_and_it_says_otherwise() -> None:
    """Its own next try can be sixteen minutes away."""
    memory, stuck = Memory(), Scaler(ready=False, lost_queue=True)

    def nudges(after: float, *, redis_answers: bool = True) -> bool:
        nudged = memory.should_nudge(stuck, redis_answers=redis_answers, now=NOW + after)
        if nudged:
            memory.nudged_at = NOW + after
        return nudged

    assert not nudges(0, redis_answers=False)
    assert not nudges(1)
    assert nudges(1 + STUCK_SECONDS)
    assert not nudges(2 + STUCK_SECONDS)
    assert nudges(2 + STUCK_SECONDS + NUDGE_SECONDS)
    assert not memory.should_nudge(Scaler(ready=True), redis_answers=True, now=NOW + 999)
