"""Bodies of Deployments, ScaledObjects and pods, as Kubernetes and KEDA write them."""

from typing import Any

import pytest

from greenscale_jobs import Stats
from greenscale_operator import pods
from greenscale_operator.memory import NUDGE_SECONDS, STUCK_SECONDS, Memory
from greenscale_operator.observed import Fault, Scaler, Workers, scaler, workers

NOW = 1_000_000.0

Body = dict[str, Any]


def test_a_deployment_that_is_not_there() -> None:
    assert workers(None) is None


def test_a_deployment_without_a_status_yet() -> None:
    assert workers({"spec": {"replicas": 0}}) == Workers(0, 0)


def test_a_deployment_whose_pods_are_refused() -> None:
    failing = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    body = {"spec": {"replicas": 1}, "status": {"conditions": [failing]}}

    assert workers(body) == Workers(1, 0, Fault("FailedCreate", "Kubernetes makes no pod: exceeded quota"))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], Scaler(), id="nothing said yet"),
        pytest.param(
            [{"type": "Ready", "status": "Unknown", "reason": "UnknownState"}],
            Scaler(reason="UnknownState"),
            id="unknown",
        ),
        pytest.param(
            [
                {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "ok"},
                {"type": "Active", "status": "True", "reason": "ScalerActive"},
                {"type": "HPAActive", "status": "False", "reason": "ScalingDisabled", "message": "zero"},
            ],
            Scaler(ready=True, reason="ScaledObjectReady", message="ok", active=True),
            id="an HPA that rests at zero is well",
        ),
        pytest.param(
            [{"type": "HPAActive", "status": "False", "reason": "FailedGetExternalMetric", "message": "no server"}],
            Scaler(hpa_fault="FailedGetExternalMetric: no server"),
            id="an HPA that gets no numbers is not",
        ),
    ],
)
def test_scaled_objects(conditions: list[Body], expected: Scaler) -> None:
    assert scaler({"metadata": {}, "status": {"conditions": conditions}}) == expected


def pod(**status: Any) -> Body:
    return {"metadata": {"name": "w-1"}, "status": status}


SCHEDULED = {"type": "PodScheduled", "status": "True"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no GPU"}


def container(**state: Any) -> Body:
    return {"name": "worker", "state": state}


CREATING = container(waiting={"reason": "ContainerCreating"})
SET_UP = {"type": "PodReadyToStartContainers", "status": "True"}
NOT_SET_UP = {"type": "PodReadyToStartContainers", "status": "False"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(pod(), "waiting for a node", id="new"),
        pytest.param(pod(conditions=[UNSCHEDULABLE]), "waiting for a node", id="unschedulable"),
        pytest.param(
            pod(conditions=[SCHEDULED], containerStatuses=[container(waiting={"reason": "ContainerCreating"})]),
            "pulling images, mounting volumes and starting containers",
            id="creating, and the kubelet does not say what",
        ),
        pytest.param(
            pod(conditions=[SCHEDULED, NOT_SET_UP]), "mounting volumes and setting up the network", id="mounts"
        ),
        pytest.param(
            pod(conditions=[SCHEDULED, SET_UP], containerStatuses=[CREATING]),
            "pulling the image of the worker",
            id="pulls",
        ),
        pytest.param(
            pod(
                conditions=[SCHEDULED, SET_UP],
                initContainerStatuses=[{**CREATING, "name": "server"}],
                containerStatuses=[CREATING],
            ),
            "pulling the image of the model server",
            id="pulls the server's first",
        ),
        pytest.param(
            pod(
                conditions=[SCHEDULED, SET_UP],
                initContainerStatuses=[{"name": "server", "started": True, "ready": True, "state": {"running": {}}}],
                containerStatuses=[CREATING],
            ),
            "pulling the image of the worker",
            id="the server runs, the worker's is still pulled",
        ),
        pytest.param(
            pod(conditions=[SCHEDULED], containerStatuses=[container(running={})]), "the worker is starting", id="runs"
        ),
        pytest.param(
            pod(
                conditions=[SCHEDULED],
                initContainerStatuses=[{"name": "server", "started": True, "ready": False, "state": {"running": {}}}],
                containerStatuses=[container(running={})],
            ),
            "the model server is loading the model",
            id="the model loads",
        ),
        pytest.param(pod(conditions=[SCHEDULED, {"type": "Ready", "status": "True"}]), None, id="ready"),
    ],
)
def test_what_a_pod_is_at(body: Body, expected: str | None) -> None:
    assert pods.stage([body]) == expected


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        pytest.param(
            pod(conditions=[UNSCHEDULABLE]), "Unschedulable", "No node has a free GPU: 0/3 nodes: no GPU", id="no node"
        ),
        pytest.param(
            pod(containerStatuses=[container(waiting={"reason": "ImagePullBackOff", "message": "denied"})]),
            "ImagePullBackOff",
            "the image cannot be pulled (container worker of pod w-1): denied",
            id="no image",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    {
                        **container(waiting={"reason": "CrashLoopBackOff"}),
                        "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}},
                    }
                ]
            ),
            "CrashLoopBackOff",
            "exit status 2, Error",
            id="crashes",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting(body: Body, reason: str, message: str) -> None:
    fault = pods.trouble([pod(conditions=[SCHEDULED]), body])

    assert fault is not None
    assert fault.reason == reason
    assert message in fault.message


def stats(pending: int = 0, in_flight: int = 0, done: int = 0) -> Stats:
    return Stats(pending, in_flight, 0, 0, {"done": done})


def test_a_start_from_zero_lasts_until_the_first_claim() -> None:
    memory = Memory()
    memory.note_replicas(0, stats(), now=NOW)
    memory.note_replicas(1, stats(pending=1), now=NOW + 1)
    waking = memory.waking_since
    memory.note_replicas(1, stats(pending=1), now=NOW + 5)

    assert waking == NOW + 1
    assert memory.note_replicas(1, stats(in_flight=1), now=NOW + 9) == 8
    assert memory.waking_since is None


def test_workers_that_ran_before_we_looked_are_not_taken_for_a_start() -> None:
    memory = Memory()
    memory.note_replicas(1, stats(in_flight=1), now=NOW)

    assert memory.waking_since is None


def test_keda_is_nudged_when_redis_answers_and_it_says_otherwise() -> None:
    """Its own next try can be sixteen minutes away."""
    memory, stuck = Memory(), Scaler(ready=False, reason="ScaledObjectCheckFailed")

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
