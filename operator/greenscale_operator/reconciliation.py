"""What one reconciliation of a workload finds: each step returns a finding of its own, and `facts` joins them.

Pure. Nothing here is changed once it is made, so no step writes into another's finding. `again` is in how many seconds
a step wants the workload reconciled again, if at all.
"""

from typing import Any

import msgspec

from greenscale_jobs.workloads import Kept, Problem, Stats
from greenscale_operator import facts, schedules
from greenscale_operator.errors import Passing
from greenscale_operator.facts import Facts, Pods
from greenscale_operator.memory import Memory
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.workload import InvalidWorkload, Workload, parse

Body = dict[str, Any]


class SpecFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What the spec says."""

    workload: Workload | None = None
    """None: it cannot be read."""
    problem: Problem | None = None
    kept: Kept | None = None
    """What a schedule keeps now."""
    again: float | None = None


class QueueFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The queue in Redis."""

    redis: str = ""
    """Its address, for sentences."""
    stats: Stats | None = None
    problem: Problem | None = None
    taken: Problem | None = None
    """Another workload has this very queue: nothing is made."""
    again: float | None = None


class SecretFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The Secret of the engine's key."""

    problem: Problem | None = None
    again: float | None = None


class ObjectFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The objects in the cluster, as they are now."""

    deployment: Body | None = None
    scaled_object: Body | None = None
    """The scaler's object that scales."""
    worker_problem: Problem | None = None
    """Why the Deployment could not be made."""
    scaler_problem: Problem | None = None
    refusal: Problem | None = None
    """Why the API server does not accept the objects that the spec asks for."""
    is_accepted: bool = False
    """It has accepted all of them."""
    error: Passing | None = None
    """What kept the rest from being applied just now."""
    again: float | None = None


class PodFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The workload's pods."""

    pods: Pods = Pods()
    again: float | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What kept the operator from ending a reconciliation."""

    failure: Problem | None = None
    """Its own fault, or an API server that fails again and again."""
    pending: Problem | None = None
    """What keeps this generation of the spec from being made just now."""


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """What one reconciliation has found so far; `body` is the workload's when it began, at `now`."""

    body: Body
    now: float
    spec: SpecFinding = SpecFinding()
    queue: QueueFinding = QueueFinding()
    api_key: SecretFinding = SecretFinding()
    objects: ObjectFinding = ObjectFinding()
    pods: PodFinding = PodFinding()
    failure: Failure = Failure()

    @property
    def generation(self) -> int:
        """Return which generation of the spec this is."""
        return int(self.body["metadata"].get("generation", 0))

    @property
    def workload(self) -> Workload | None:
        """Return the workload; None where its spec cannot be read."""
        return self.spec.workload

    @property
    def scaled_object(self) -> Body | None:
        """Return the scaler's object that scales, if it is there."""
        return self.objects.scaled_object

    @property
    def again(self) -> float | None:
        """Return in how many seconds to reconcile again, if at all."""
        return soonest(self.spec.again, self.queue.again, self.api_key.again, self.objects.again, self.pods.again)

    def facts(self, memory: Memory, scaler: ScalerDriver) -> Facts:
        """Return all of it for `conditions`."""
        workload, metadata = self.workload, self.body["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        return Facts(
            now=self.now,
            generation=self.generation,
            namespace=namespace,
            name=name,
            suspend=workload.suspend if workload else False,
            min_replicas=workload.scaling.min_replicas if workload else 0,
            kept=self.spec.kept,
            max_replicas=workload.scaling.max_replicas if workload else 1,
            polling_seconds=workload.scaling.polling_interval if workload else 2,
            cooldown_seconds=workload.scaling.cooldown_period if workload else 0,
            redis=self.queue.redis,
            stats=self.queue.stats,
            spec_problem=self.spec.problem or self.queue.taken,
            queue_problem=self.queue.problem,
            worker_problem=self.objects.worker_problem or self.api_key.problem,
            scaler_problem=self.objects.scaler_problem,
            refusal=self.objects.refusal,
            is_accepted=self.objects.is_accepted,
            failure=self.failure.failure,
            pending=self.failure.pending,
            workers=facts.workers(self.objects.deployment),
            scaler=scaler.read(self.scaled_object),
            scaler_terms=scaler.terms(namespace, name, self.queue.redis),
            pods=self.pods.pods,
            waking_since=memory.waking_since,
            unclaimed_since=memory.unclaimed_since,
            unscaled_since=memory.unscaled_since,
        )


def soonest(*seconds: float | None) -> float | None:
    """Return the least of the waits that are given."""
    return min((wait for wait in seconds if wait is not None), default=None)


def read_spec(body: Body, *, now: float) -> SpecFinding:
    """Return what the spec says, and when a schedule changes that next."""
    workload = None
    try:
        workload = parse(body)
        schedules.check(workload.scaling.schedules)
    except InvalidWorkload as error:
        return SpecFinding(workload=workload, problem=Problem("InvalidSpec", f"{error}: edit the spec."))
    planned = workload.scaling.schedules
    change = schedules.next_change(planned, now)
    return SpecFinding(
        workload=workload, kept=schedules.kept(planned, now), again=None if change is None else change - now
    )
