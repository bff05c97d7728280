"""Pods as the scheduler and the kubelet report them."""

from typing import Any

from greenscale_operator import pod_diagnosis
from greenscale_operator.facts import Pods, timestamp
from greenscale_operator.patience import Patience

NOW = 1_700_000_000.0

Body = dict[str, Any]

OPENAI, SERVER = Patience(), Patience(start=1920, ready=1830)


def ago(seconds: float) -> str:
    text = timestamp(NOW - seconds)
    assert text is not None
    return text


def condition(kind: str, status: str, seconds: float = 5, **more: Any) -> Body:
    return {"type": kind, "status": status, "lastTransitionTime": ago(seconds), **more}


def scheduled(seconds: float = 5) -> Body:
    return condition("PodScheduled", "True", seconds)


NO_GPU = (
    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/3 nodes are "
    "available: 3 Preemption is not helpful for scheduling."
)


def unschedulable(seconds: float, message: str = NO_GPU) -> Body:
    return condition("PodScheduled", "False", seconds, reason="Unschedulable", message=message)


SET_UP = condition("PodReadyToStartContainers", "True")
NOT_SET_UP = condition("PodReadyToStartContainers", "False")


def running(seconds: float = 2, name: str = "worker", *, ready: bool = False, **more: Any) -> Body:
    state = {"running": {"startedAt": ago(seconds)}}
    return {"name": name, "ready": ready, "started": True, "restartCount": 0, "state": state, **more}


def waiting(reason: str = "ContainerCreating", message: str = "", name: str = "worker", **more: Any) -> Body:
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {"name": name, "ready": False, "started": False, "restartCount": 0, "state": state, **more}


def ended(seconds: float, code: int, reason: str = "Error", message: str = "", *, lived: float = 1) -> Body:
    details = {"exitCode": code, "reason": reason, "startedAt": ago(seconds + lived), "finishedAt": ago(seconds)}
    return {"terminated": {**details, **({"message": message} if message else {})}}


def pod(
    *conditions: Body,
    containers: tuple[Body, ...] = (),
    inits: tuple[Body, ...] = (),
    spec: Body | None = None,
    name: str = "w-1",
    created: float = 5,
    **metadata: Any,
) -> Body:
    status = {
        "phase": "Pending",
        "conditions": list(conditions),
        "containerStatuses": list(containers),
        "initContainerStatuses": list(inits),
    }
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": ago(created), **metadata},
        "spec": spec or {},
        "status": status,
    }


SIDECAR = {"initContainers": [{"name": "server", "restartPolicy": "Always"}], "containers": [{"name": "worker"}]}


def diagnose(*bodies: Body, patience: Patience = OPENAI, **more: Any) -> Pods:
    return pod_diagnosis.diagnose(list(bodies), patience=patience, now=NOW, **more)
