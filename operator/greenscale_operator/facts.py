"""What is known of a workload at one instant, in the words of our own domain.

Pure: bodies in, values out. `reconciler` gathers it, `conditions` judges it.
"""

import datetime as dt
from typing import Any

import msgspec

from greenscale_jobs.workloads import Kept, Problem, Stats

Body = dict[str, Any]


class Workers(msgspec.Struct, frozen=True):
    """The worker Deployment."""

    replicas: int = 0
    """Wanted: what the scaler wrote."""
    ready: int = 0
    failure: Problem | None = None
    """Why Kubernetes cannot create pods: a quota, a policy."""
    existing: int = 0
    """Pods that are not being deleted, of any template."""
    outdated: int = 0
    """Those of them that still have a former template."""
    reported: bool = False
    """Whether the Deployment controller has ever acted on it."""


class Scaler(msgspec.Struct, frozen=True, kw_only=True):
    """How the scaler stands, as it reports itself; None is not reported yet."""

    ready: bool | None = None
    active: bool | None = None
    """Whether there is work, or the cooldown after it is not over."""
    last_active: float | None = None
    """Unix seconds."""
    problem: Problem | None = None
    """Why it does not scale."""
    pause: Problem | None = None
    """Who has paused it, the operator included."""
    starts_workers: bool = True
    """Whether it starts workers in spite of a pause."""
    conflict: Problem | None = None
    """Another autoscaler scales the same Deployment."""
    stays_at_one: Problem | None = None
    """Why it starts no second worker."""
    lost_queue: bool = False
    """It reports that it cannot read the queue, and may check again only much later."""


class ScalerTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How sentences about a workload speak of its scaler, and the reasons that are the scaler's own."""

    name: str = "The scaler"
    kind: str = "scaler"
    """The kind of its object."""
    ready_reason: str = "ScalerReady"
    waiting_reason: str = "WaitingForScaler"
    waiting: str = "The scaler has not reported yet."
    """It has not reported on its object yet; with what to check."""
    check: str = ""
    """How to find out why it does not scale, as a sentence; so is `check_queue`, where jobs wait."""
    check_queue: str = ""


class Pods(msgspec.Struct, frozen=True):
    """The workload's pods."""

    looked: bool = False
    """Whether they were read at all."""
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
    """None: nothing scales it yet."""
    scaler_terms: ScalerTerms = ScalerTerms()
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


def seconds(timestamp: str | None) -> float | None:
    """Return a Kubernetes time as Unix seconds."""
    return None if timestamp is None else dt.datetime.fromisoformat(timestamp).timestamp()


def timestamp(seconds: float | None) -> str | None:
    """Return Unix seconds as a Kubernetes time."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC).isoformat().replace("+00:00", "Z")
