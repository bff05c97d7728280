"""What pods that are not ready are at, and what keeps them from it.

Pure. Reasons are the kubelet's and the scheduler's own.
"""

from typing import Any

from greenscale_operator.observed import Fault

Body = dict[str, Any]

STUCK = {
    "ErrImagePull": "the image cannot be pulled",
    "ImagePullBackOff": "the image cannot be pulled",
    "InvalidImageName": "the image's name is not valid",
    "ErrImageNeverPull": "the image is not on the node, and imagePullPolicy is Never",
    "CreateContainerConfigError": "its configuration cannot be read",
    "CreateContainerError": "the container cannot be made",
    "CrashLoopBackOff": "it ends again and again",
    "RunContainerError": "the container cannot be started",
}


def stage(pods: list[Body]) -> str | None:
    """Return what the least advanced pod is at, as a clause; None if all are ready or there is none."""
    stages = [told for told in map(_stage, pods) if told]
    return stages[0] if stages else None


def trouble(pods: list[Body]) -> Fault | None:
    """Return what keeps a pod from starting that will not mend itself."""
    for pod in pods:
        fault = _unschedulable(pod) or _stuck(pod)
        if fault:
            return fault
    return None


def _stage(pod: Body) -> str | None:
    status = pod.get("status", {})
    conditions = {told["type"]: told["status"] for told in status.get("conditions", [])}
    if pod["metadata"].get("deletionTimestamp") or conditions.get("Ready") == "True":
        return None
    if conditions.get("PodScheduled") != "True":
        return "waiting for a node"
    server = next((told for told in status.get("initContainerStatuses", []) if told["name"] == "server"), None)
    if server and server.get("started") and not server.get("ready"):
        return "the model server is loading the model"
    if any("running" in told.get("state", {}) for told in status.get("containerStatuses", [])):
        return "the worker is starting"
    return _preparing(conditions.get("PodReadyToStartContainers"), pulls_server=server is not None and _waits(server))


def _preparing(ready_to_start: str | None, *, pulls_server: bool) -> str:
    """Return what is done before a container runs; older kubelets (before 1.29) do not tell how far they are."""
    match ready_to_start:
        case "True":  # volumes and network are there: what takes time is the image
            return f"pulling the image of the {'model server' if pulls_server else 'worker'}"
        case "False":
            return "mounting volumes and setting up the network"
        case _:
            return "pulling images, mounting volumes and starting containers"


def _waits(container: Body) -> bool:
    return "waiting" in container.get("state", {})


def _unschedulable(pod: Body) -> Fault | None:
    for told in pod.get("status", {}).get("conditions", []):
        if told["type"] == "PodScheduled" and told["status"] == "False" and told.get("reason") == "Unschedulable":
            why = told.get("message", "")
            lacks = "has a free GPU" if "gpu" in why.lower() else "takes the worker"
            return Fault("Unschedulable", f"No node {lacks}: {why}")
    return None


def _stuck(pod: Body) -> Fault | None:
    status = pod.get("status", {})
    for told in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = told.get("state", {}).get("waiting", {})
        reason = waiting.get("reason")
        if reason in STUCK:
            told_why = waiting.get("message", "").strip() or _last_end(told)
            name = f"container {told['name']} of pod {pod['metadata']['name']}"
            return Fault(reason, f"A worker does not start, {STUCK[reason]} ({name}): {told_why}")
    return None


def _last_end(container: Body) -> str:
    ended = container.get("lastState", {}).get("terminated", {})
    return f"exit status {ended.get('exitCode', '?')}, {ended.get('reason', 'no reason given')}"
