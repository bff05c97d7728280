"""What a workload's pods are doing, what keeps them from becoming ready, and which of them still end.

Pure. Reasons are the kubelet's and the scheduler's own where they have one.
"""

from typing import Any

import msgspec

from greenscale_jobs.durations import elapsed
from greenscale_jobs.workloads import Problem
from greenscale_operator.container_diagnosis import Container, containers
from greenscale_operator.facts import Pods, seconds
from greenscale_operator.patience import DOWNLOAD_SECONDS, MISSING_SECONDS, START_SECONDS, Patience

Body = dict[str, Any]

WORKER, SERVER = "worker", "server"

OVER = {"Succeeded", "Failed"}
"""Phases in which a pod holds nothing any more."""

SHORT_SECONDS = 10.0
"""What has lasted less needs no mention of its time."""

FAILED_PODS, FAILED_SECONDS = 2, 600.0
"""So many pods that failed within this time are no accident: an eviction, say, or a device that is refused."""


class Stage(msgspec.Struct, frozen=True):
    """What a pod that is not ready is doing, and what is wrong if it takes longer than it may."""

    doing: str
    reason: str
    since: float
    """Unix seconds."""
    patience: float
    remedy: str
    words: str = ""
    """Kubernetes' own."""
    was_ready: bool = False

    def clause(self, now: float) -> str:
        """Return what the pod is doing, and for how long."""
        age = now - self.since
        return f"{self.doing}{f' for {elapsed(age)}' if age >= SHORT_SECONDS else ''}{self._quoted()}"

    def problem(self, pod: str) -> Problem:
        """Return what to report where it has taken too long; without its time, which would be written each minute."""
        after = f" after {elapsed(self.patience)}" if self.patience else ""
        return Problem(self.reason, f"Pod {pod} is not ready{after}: {self.doing}{self._quoted()}. {self.remedy}")

    def is_over(self, now: float) -> bool:
        """Return whether it has taken too long."""
        return now - self.since >= self.patience

    def _quoted(self) -> str:
        return f" ({self.words})" if self.words else ""


def diagnose(pods: list[Body], *, patience: Patience, now: float, to_zero: bool = False, redis: str = "") -> Pods:
    """Return what matters of a workload's pods; `to_zero`: none of them is wanted any more."""
    there = [pod for pod in pods if pod.get("status", {}).get("phase") not in OVER]
    ending = [pod for pod in there if to_zero or pod["metadata"].get("deletionTimestamp")]
    kept = [pod for pod in there if pod not in ending]
    judged = [_judge(pod, patience, redis, now) for pod in kept]
    stages = [stage for stage, _ in judged if stage]
    working = sum(_works(pod, now) for pod in kept)
    failing = None if working or to_zero else _failing(pods, now)
    starting = [
        (pod["metadata"]["name"], stage)
        for pod, (stage, problem) in zip(kept, judged, strict=True)
        if stage and not problem
    ]
    return Pods(
        looked=True,
        doing=stages[0].clause(now) if stages else None,
        problem=failing or next((problem for _, problem in judged if problem), None),
        starting=bool(starting) and failing is None,
        lost=next((stage.problem(name) for name, stage in starting if stage.was_ready), None),
        working=working,
        ending=len(ending),
        ending_since=min((_ending_since(pod) or now for pod in ending), default=None),
        ending_until=max((_ending_until(pod) or now for pod in ending), default=None),
    )


def none_created(since: float, metadata: Body, now: float) -> Pods:
    """Return what to say where workers have been wanted for a time and there is no pod at all."""
    remedy = (
        f"Is kube-controller-manager running? kubectl describe deployment {metadata['name']} -n {metadata['namespace']}"
    )
    stage = Stage("waiting for Kubernetes to create a pod", "NoPods", since, START_SECONDS, remedy)
    if not stage.is_over(now):
        return Pods(looked=True, doing=stage.clause(now), starting=True)
    message = f"Kubernetes has created no pod for more than {elapsed(START_SECONDS)}. {remedy}"
    return Pods(looked=True, doing=stage.clause(now), problem=Problem(stage.reason, message))


def _ending_until(pod: Body) -> float | None:
    """Return when the kubelet kills what is left of a pod that is being deleted, in Unix seconds."""
    return seconds(pod["metadata"].get("deletionTimestamp"))


def _ending_since(pod: Body) -> float | None:
    """Return when its deletion was asked for."""
    until = _ending_until(pod)
    return None if until is None else until - pod["metadata"].get("deletionGracePeriodSeconds", 0)


def _judge(pod: Body, patience: Patience, redis: str, now: float) -> tuple[Stage | None, Problem | None]:
    """Return what a pod is doing, if it is not ready, and what is wrong with that."""
    stage = _waits_for_node(pod, patience)
    if stage is None:
        parts = containers(pod)
        problem = next((problem for part in parts if (problem := part.problem(now))), None)
        if problem:
            return Stage(problem.message.rstrip("."), problem.reason, now, 0.0, ""), problem
        stage = _prepares(pod, parts, patience) or _unready(pod, parts, patience, redis)
    name = pod["metadata"]["name"]
    return stage, stage.problem(name) if stage and stage.is_over(now) else None


def _works(pod: Body, now: float) -> bool:
    """Return whether its worker and its model server are ready and do not crash: other containers hold up no job."""
    parts = [part for part in containers(pod) if part.name in {WORKER, SERVER}]
    is_ready = _condition(pod, "Ready").get("status") == "True" or (bool(parts) and all(part.ready for part in parts))
    return is_ready and not any(part.problem(now) for part in parts)


def _address(pod: Body) -> str:
    """Return how a command of kubectl names the pod."""
    return f"{pod['metadata']['name']} -n {pod['metadata']['namespace']}"


def _condition(pod: Body, kind: str) -> Body:
    conditions = pod.get("status", {}).get("conditions") or []
    found: Body = next((condition for condition in conditions if condition["type"] == kind), {})
    return found


def _waits_for_node(pod: Body, patience: Patience) -> Stage | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "True":
        return None
    created = seconds(pod["metadata"].get("creationTimestamp")) or 0.0
    since = seconds(scheduled.get("lastTransitionTime")) or created
    gates = [gate["name"] for gate in pod.get("spec", {}).get("schedulingGates") or []]
    if gates:
        name = ", ".join(gates)
        remedy = f"Whoever set the gate has not removed it: for kueue.x-k8s.io, look at its queue's quota. {_LONGER}"
        return Stage(f"held by the scheduling gate {name}", "SchedulingGated", since, patience.node, remedy)
    message = scheduled.get("message", "")
    why = message.partition(". ")[0].rstrip(".")  # what follows is about preemption
    if not scheduled:
        remedy = "No scheduler has considered it: is kube-scheduler running, and is the pod's schedulerName right?"
        return Stage("waiting for a node", "NotScheduled", since, START_SECONDS, remedy)
    waits = "waiting for a node" + (" with a free GPU" if "gpu" in why.lower() else "")
    if "persistentvolumeclaim" in why.lower() and "not found" in why:
        remedy = "Create that PersistentVolumeClaim, or name another one."
        return Stage(waits, "Unschedulable", since, min(MISSING_SECONDS, patience.node), remedy, why)
    remedy = f"Add a node that fits, free one, or change what the worker asks for. {_LONGER}"
    return Stage(waits, scheduled.get("reason", "Unschedulable"), since, patience.node, remedy, why)


_LONGER = "If it may take longer, raise spec.worker.nodeProvisioningSeconds."


def _prepares(pod: Body, parts: list[Container], patience: Patience) -> Stage | None:
    """Return what happens before the worker's container runs."""
    name = _address(pod)
    since = seconds(_condition(pod, "PodScheduled").get("lastTransitionTime")) or 0.0
    remedy = f"The events say why: kubectl describe pod {name}"
    for part in parts:
        if not part.is_init or part.name == SERVER or part.ended_at is not None:
            continue
        if part.runs and not part.is_sidecar:
            logs = f"Its log says what it does: kubectl logs {name} -c {part.name}"
            began = part.running_since or since
            return Stage(
                f"the init container {part.name} is running", "InitContainerRunning", began, DOWNLOAD_SECONDS, logs
            )
        if part.runs and not part.status.get("started", True):
            logs = f"Its startup probe fails: kubectl logs {name} -c {part.name}"
            return Stage(f"waiting for the sidecar {part.name} to start", "NotStarted", since, patience.start, logs)
    worker = next((part for part in parts if part.name == WORKER), None)
    if worker and worker.runs:
        return None
    return Stage(_preparing(pod, parts, worker), "NotStarted", since, patience.start, remedy)


def _preparing(pod: Body, parts: list[Container], worker: Container | None) -> str:
    """Return what the kubelet does before the worker runs; those before 1.29 do not report how far they are."""
    if worker and worker.has_ended:
        return "the worker is restarting"
    match _condition(pod, "PodReadyToStartContainers").get("status"):
        case "True":  # volumes and network are there: what takes time is the image
            return f"pulling the image of the {_role(next((part for part in parts if part.waits), None))}"
        case "False":
            return "mounting volumes and setting up the network"
        case _:
            return "pulling images, mounting volumes and starting containers"


def _role(part: Container | None) -> str:
    if part is None or part.name == WORKER:
        return "worker"
    if part.name == SERVER:
        return "model server"
    return f"{'init ' if part.is_init and not part.is_sidecar else ''}container {part.name}"


def _unready(pod: Body, parts: list[Container], patience: Patience, redis: str) -> Stage | None:
    """Return why a pod whose worker runs is not ready."""
    ready = _condition(pod, "Ready")
    if ready.get("status") == "True":
        return None
    by_name, name = {part.name: part for part in parts}, _address(pod)
    since = seconds(ready.get("lastTransitionTime")) or 0.0
    server = by_name.get(SERVER)
    if server and not server.ready:
        return _server_unready(name, server, since, patience)
    if not by_name[WORKER].ready:
        return _worker_unready(name, by_name[WORKER], since, patience, redis)
    lagging = next((part for part in parts if not part.ready and (part.is_sidecar or not part.is_init)), None)
    gate = ready.get("message") if ready.get("reason") == "ReadinessGatesNotReady" else None
    doing = f"the container {lagging.name} is not ready" if lagging else gate or "the pod is not ready"
    remedy = f"Jobs are done meanwhile. kubectl describe pod {name}"
    return Stage(doing, "ContainerNotReady", since, patience.start, remedy)


def _server_unready(pod: str, server: Container, since: float, patience: Patience) -> Stage:
    began, reason = server.running_since or since, "ModelServerNotReady"
    logs = f"Its log says why: kubectl logs {pod} -c {SERVER}"
    if _was_ready(since, server):
        remedy = f"Its readiness probe fails. {logs}"
        return Stage("the model server is not ready", reason, since, Patience().ready, remedy, was_ready=True)
    doing = "the model server is " + ("loading the model" if server.runs else "restarting")
    remedy = f"spec.engine.server.startupTimeoutSeconds is how long it may take. {logs}"
    return Stage(doing, reason, began, patience.start, remedy)


def _worker_unready(pod: str, worker: Container, since: float, patience: Patience, redis: str) -> Stage:
    was_ready = _was_ready(since, worker)
    where = f"the queue in Redis at {redis}" if redis else "the queue"
    remedy = (
        f"It runs and does not claim from {where}, as its readiness probe reports. Look at its log (kubectl logs {pod} "
        f"-c {WORKER}), at the network policies and the DNS of its namespace, at spec.queue.redis and its Secret, and "
        "at spec.worker.image."
    )
    doing = "the worker is not ready" if was_ready else "the worker is starting"
    patient = Patience().ready if was_ready else patience.ready
    began = since if was_ready else worker.running_since or since
    return Stage(doing, "WorkerNotReady", began, patient, remedy, was_ready=was_ready)


def _was_ready(unready_since: float, part: Container) -> bool:
    """Return whether the pod was ready since the container started: it would have been unready for longer otherwise."""
    return part.running_since is not None and unready_since > part.running_since + 1


def _failing(pods: list[Body], now: float) -> Problem | None:
    """Return why pods fail as wholes again and again: each leaves a body behind, and another takes its place."""
    failed = [pod for pod in pods if pod["status"].get("phase") == "Failed" and pod["status"].get("reason")]
    recent = [pod for pod in failed if now - (seconds(pod["status"].get("startTime")) or 0.0) < FAILED_SECONDS]
    if len(recent) < FAILED_PODS:
        return None
    status = max(recent, key=lambda pod: str(pod["status"].get("startTime")))["status"]
    message = status.get("message", "").strip().rstrip(".") or "no message"
    return Problem(
        status["reason"], f"Pods of the worker fail again and again, the last with {status['reason']}: {message}."
    )
