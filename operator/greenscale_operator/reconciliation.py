"""One look at a workload: what has been found so far, and what is made of it in the end."""

from collections.abc import Sequence
from typing import Any

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Kept
from greenscale_operator import facts, schedules
from greenscale_operator.errors import Lasting
from greenscale_operator.facts import Facts, Pods, Problem
from greenscale_operator.memory import Memory
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.workload import Schedule, Workload

Body = dict[str, Any]


class Reconciliation:
    """What one reconciliation has found so far."""

    def __init__(self, body: Body, memory: Memory, scaler: ScalerDriver, *, now: float) -> None:
        self.body = body
        self.memory = memory
        self._scaler = scaler
        self.now = now
        self.workload: Workload | None = None
        self.redis = ""
        self.stats: Stats | None = None
        self.deployment: Body | None = None
        self.scaled_object: Body | None = None
        self.spec_problem: Problem | None = None
        self.queue_problem: Problem | None = None
        self.worker_problem: Problem | None = None
        self.scaler_problem: Problem | None = None
        self.kept: Kept | None = None
        self.pods = Pods()
        self.refusal: Problem | None = None
        self.is_accepted = False
        self.failure: Problem | None = None
        self.pending: Problem | None = None
        self.again: float | None = None

    @property
    def generation(self) -> int:
        """Return which generation of the spec this is."""
        return int(self.body["metadata"].get("generation", 0))

    def again_in(self, seconds: float) -> None:
        """Look again in so many seconds, or sooner."""
        self.again = seconds if self.again is None else min(self.again, seconds)

    def look_at_schedules(self, planned: Sequence[Schedule]) -> None:
        """Take note of what a schedule keeps now, and look again when that changes."""
        self.kept = schedules.kept(planned, self.now)
        change = schedules.next_change(planned, self.now)
        if change is not None:
            self.again_in(change - self.now)

    def problem(self, error: Lasting) -> Problem:
        """Plan to try again, and return what to say meanwhile."""
        self.again_in(error.retry_seconds)
        return Problem(error.reason, str(error))

    def facts(self) -> Facts:
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
            kept=self.kept,
            max_replicas=workload.scaling.max_replicas if workload else 1,
            polling_seconds=workload.scaling.polling_interval if workload else 2,
            cooldown_seconds=workload.scaling.cooldown_period if workload else 0,
            redis=self.redis,
            stats=self.stats,
            spec_problem=self.spec_problem,
            queue_problem=self.queue_problem,
            worker_problem=self.worker_problem,
            scaler_problem=self.scaler_problem,
            refusal=self.refusal,
            is_accepted=self.is_accepted,
            failure=self.failure,
            pending=self.pending,
            workers=facts.workers(self.deployment),
            scaler=self._scaler.read(self.scaled_object),
            scaler_terms=self._scaler.terms(namespace, name, self.redis),
            pods=self.pods,
            waking_since=self.memory.waking_since,
            unclaimed_since=self.memory.unclaimed_since,
            unscaled_since=self.memory.unscaled_since,
        )
