"""What is known of a workload at one instant, in the words of our own domain.

Pure: bodies in, values out. `reconciler` gathers it, `conditions` judges it.
"""

import datetime as dt
from typing import Any

import msgspec

from greenscale_jobs import workloads
from greenscale_jobs.workloads import Kept, Stats

Body = dict[str, Any]

Problem = workloads.Problem
"""As the board carries it."""


class Workers(msgspec.Struct, frozen=True):
    """The worker Deployment."""

    replicas: int = 0
    """Wanted: what KEDA wrote."""
    ready: int = 0
    failure: Problem | None = None
    """Why Kubernetes cannot create pods: a quota, a policy."""
    existing: int = 0
    """Pods that are not being deleted, of any template."""
    outdated: int = 0
    """Those of them that still have a former template."""
    reported: bool = False
    """Whether the Deployment controller has ever acted on it."""


class Scaler(msgspec.Struct, frozen=True):
    """The ScaledObject, as KEDA reports it; None is not reported yet."""

    ready: bool | None = None
    reason: str = ""
    message: str = ""
    active: bool | None = None
    hpa_reason: str | None = None
    """Why the HPA does not scale, and in its own words."""
    hpa_message: str = ""
    last_active: float | None = None
    """Unix seconds."""
    pauses: tuple[str, ...] = ()
    """The annotations that pause it, the operator's own included."""


class Pods(msgspec.Struct, frozen=True):
    """The workload's pods, as far as they were looked at."""

    looked: bool = False
    """Whether they were looked at at all."""
    doing: str | None = None
    """What a pod that is not ready is doing, as a clause."""
    problem: Problem | None = None
    """What keeps a pod from becoming ready and will not pass by itself."""
    starting: bool = False
    """Whether another pod may still become ready."""
    lost: Problem | None = None
    """Why a pod that was ready is not any more, while it may still recover."""
    working: int = 0
    """Pods whose worker and model server are ready, whatever their other containers do, and do not crash."""
    ending: int = 0
    """Pods that still hold their resources and are to go."""
    ending_since: float | None = None
    """Unix seconds; so is when the kubelet kills the last of them."""
    ending_until: float | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that `conditions` judges by."""

    now: float
    """Unix seconds."""
    generation: int
    namespace: str = "default"
    name: str = ""
    suspend: bool = False
    min_replicas: int = 0
    kept: Kept | None = None
    """What a schedule keeps now."""
    max_replicas: int = 1
    polling_seconds: int = 2
    cooldown_seconds: int = 300
    redis: str = ""
    """Its address, for sentences."""
    stats: Stats | None = None
    """None while the queue cannot be read."""
    spec_problem: Problem | None = None
    queue_problem: Problem | None = None
    worker_problem: Problem | None = None
    """Why the Deployment could not be made, or could not work: a Secret that is missing."""
    scaler_problem: Problem | None = None
    refusal: Problem | None = None
    """Why the API server does not accept the objects that the spec asks for; nothing was changed."""
    is_accepted: bool = False
    """It has accepted all of them."""
    failure: Problem | None = None
    """The operator itself failed, or the API server fails again and again."""
    pending: Problem | None = None
    """What keeps this generation of the spec from being made just now."""
    workers: Workers | None = None
    """None: there is no Deployment."""
    scaler: Scaler | None = None
    """None: there is no ScaledObject."""
    pods: Pods = Pods()
    waking_since: float | None = None
    unclaimed_since: float | None = None
    """Since when jobs have been waiting while a worker was ready for more and claimed none, in Unix seconds."""
    unscaled_since: float | None = None
    """Since when jobs have been waiting while no worker was wanted, in Unix seconds."""

    @property
    def kept_replicas(self) -> int:
        """How many workers are kept without work."""
        return max(self.min_replicas, self.kept.replicas if self.kept else 0)


def workers(deployment: Body | None) -> Workers | None:
    """Read a Deployment."""
    if deployment is None:
        return None
    status = deployment.get("status", {})
    existing, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
    return Workers(
        replicas=deployment["spec"].get("replicas", 1),
        ready=ready,
        failure=_replica_failure(status.get("conditions", [])),
        existing=existing,
        outdated=max(0, existing - status.get("updatedReplicas", 0)),
        reported="observedGeneration" in status,
    )


def _replica_failure(conditions: list[Body]) -> Problem | None:
    for condition in conditions:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = f"Kubernetes cannot create pods: {condition.get('message', '')}"
            return Problem(condition.get("reason", "FailedCreate"), message)
    return None


PAUSED_PREFIX = "autoscaling.keda.sh/"

PAUSES = tuple(
    f"{PAUSED_PREFIX}{name}" for name in ("paused", "paused-replicas", "paused-scale-out", "paused-scale-in")
)
"""The annotations that pause KEDA's scaling."""

FALSE = {"0", "f", "F", "false", "False", "FALSE"}
"""What KEDA reads as no; any other value of a pausing annotation means yes."""


def scaler(scaled_object: Body | None) -> Scaler | None:
    """Read a ScaledObject."""
    if scaled_object is None:
        return None
    status, annotations = scaled_object.get("status", {}), scaled_object["metadata"].get("annotations") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    ready, hpa = conditions.get("Ready", {}), conditions.get("HPAActive", {})
    # At zero replicas the HPA reports ScalingDisabled, which is as it should be.
    hpa_fails = hpa.get("status") == "False" and hpa.get("reason") not in {"ScalingDisabled", None}
    return Scaler(
        ready=_truth(ready),
        reason=ready.get("reason", ""),
        message=ready.get("message", ""),
        active=_truth(conditions.get("Active", {})),
        hpa_reason=hpa["reason"] if hpa_fails else None,
        hpa_message=hpa.get("message", "") if hpa_fails else "",
        last_active=seconds(status.get("lastActiveTime")),
        pauses=tuple(
            name
            for name in PAUSES
            if name in annotations and (name.endswith("-replicas") or annotations[name] not in FALSE)
        ),
    )


def _truth(condition: Body) -> bool | None:
    return {"True": True, "False": False}.get(condition.get("status", ""))


def seconds(timestamp: str | None) -> float | None:
    """Return a Kubernetes time as Unix seconds."""
    return None if timestamp is None else dt.datetime.fromisoformat(timestamp).timestamp()


def timestamp(seconds: float | None) -> str | None:
    """Return Unix seconds as a Kubernetes time."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC).isoformat().replace("+00:00", "Z")
