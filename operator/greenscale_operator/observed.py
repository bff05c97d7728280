"""What is known of a workload at one instant, in the words of our own domain.

Pure: bodies in, values out. `reconciler` gathers it, `conditions` judges it.
"""

import datetime as dt
from typing import Any

import msgspec

from greenscale_jobs.records import Stats

Body = dict[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """Something that keeps a workload from working: a CamelCase reason and a sentence with the remedy."""

    reason: str
    message: str


class Workers(msgspec.Struct, frozen=True):
    """The worker Deployment."""

    replicas: int = 0
    """Wanted: what KEDA wrote."""
    ready: int = 0
    failure: Fault | None = None
    """Why Kubernetes makes no pods: a quota, a policy."""


class Scaler(msgspec.Struct, frozen=True):
    """The ScaledObject, as KEDA reports it; None is not said yet."""

    ready: bool | None = None
    reason: str = ""
    message: str = ""
    active: bool | None = None
    hpa_fault: str | None = None
    last_active: float | None = None
    """Unix seconds."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """All that `conditions` judges by."""

    now: float
    """Unix seconds."""
    generation: int
    suspend: bool = False
    min_replicas: int = 0
    max_replicas: int = 1
    cooldown_seconds: int = 300
    redis: str = ""
    """Its address, for sentences."""
    stats: Stats | None = None
    """None while the queue cannot be read."""
    spec_fault: Fault | None = None
    queue_fault: Fault | None = None
    worker_fault: Fault | None = None
    """Why the Deployment could not be made, or could not work: a Secret that is missing."""
    scaler_fault: Fault | None = None
    refusal: Fault | None = None
    """Why the API server does not accept the objects that the spec asks for; nothing was changed."""
    is_accepted: bool = False
    """It has accepted all of them."""
    failure: Fault | None = None
    """The operator itself failed, or the API server fails again and again."""
    pending: Fault | None = None
    """What keeps this generation of the spec from being made just now."""
    workers: Workers | None = None
    """None: there is no Deployment."""
    scaler: Scaler | None = None
    """None: there is no ScaledObject."""
    pods: str | None = None
    """What the pods that are not ready are at, as a clause."""
    pods_fault: Fault | None = None
    waking_since: float | None = None


def workers(deployment: Body | None) -> Workers | None:
    """Read a Deployment."""
    if deployment is None:
        return None
    status = deployment.get("status", {})
    return Workers(
        replicas=deployment["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        failure=_replica_failure(status.get("conditions", [])),
    )


def _replica_failure(conditions: list[Body]) -> Fault | None:
    for told in conditions:
        if told["type"] == "ReplicaFailure" and told["status"] == "True":
            return Fault(told.get("reason", "FailedCreate"), f"Kubernetes makes no pod: {told.get('message', '')}")
    return None


def scaler(scaled_object: Body | None) -> Scaler | None:
    """Read a ScaledObject."""
    if scaled_object is None:
        return None
    status = scaled_object.get("status", {})
    told = {condition["type"]: condition for condition in status.get("conditions", [])}
    ready, hpa = told.get("Ready", {}), told.get("HPAActive", {})
    return Scaler(
        ready=_truth(ready),
        reason=ready.get("reason", ""),
        message=ready.get("message", ""),
        active=_truth(told.get("Active", {})),
        hpa_fault=_hpa_fault(hpa),
        last_active=seconds(status.get("lastActiveTime")),
    )


def _hpa_fault(told: Body) -> str | None:
    """Return why the HPA does not scale; at zero replicas it says ScalingDisabled, which is as it should be."""
    if told.get("status") != "False" or told.get("reason") in {"ScalingDisabled", None}:
        return None
    return f"{told['reason']}: {told.get('message', '')}"


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
