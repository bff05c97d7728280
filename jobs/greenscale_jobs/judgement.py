"""What a workload is doing: judged here for the operator and for local mode alike.

Pure: no I/O, no clock. `sentences` puts it into words.
"""

import msgspec

from greenscale_jobs.workloads import Kept, Problem, Stats, WorkloadState


class WorkloadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a workload is judged by. Times are Unix seconds."""

    now: float
    stats: Stats | None
    """None while the queue cannot be read."""
    replicas: int | None
    """Workers that are wanted; None where nothing can have any yet."""
    max_replicas: int
    serving: int = 0
    """Workers that can do a job now."""
    ending: int = 0
    """Workers that still hold what they run on and are to go."""
    ending_since: float | None = None
    suspended: bool = False
    problem: Problem | None = None
    """What keeps jobs from being done and will not pass by itself."""
    kept: Kept | None = None
    """What is kept without work: see `keeps`."""
    waking_since: float | None = None
    """When the start from zero began that goes on; see `wakes`."""
    stage: str | None = None
    """What a worker that is not ready is doing, as a clause."""
    last_active: float | None = None
    """When the scaler last found work."""
    cooldown_seconds: float = 0.0

    @property
    def kept_replicas(self) -> int:
        """How many workers are kept without work."""
        return self.kept.replicas if self.kept else 0


class Verdict(msgspec.Struct, frozen=True):
    """What was judged."""

    state: WorkloadState
    reason: str
    """CamelCase."""
    replicas: int
    """Workers that run or are to run; at zero, those that have not ended yet."""
    asleep_at: float | None
    """When the scaler will go to zero if no job comes; None where it will not, or is late."""


def judge(facts: WorkloadFacts) -> Verdict:
    """Return what a workload is doing."""
    state, reason = _state(facts)
    return Verdict(state, reason, facts.replicas or facts.ending, _asleep_at(facts, state))


def keeps(min_replicas: int, schedule: Kept | None) -> Kept | None:
    """Return what is kept without work: the more of the minimum and what a schedule keeps; None where neither does."""
    if schedule is not None and schedule.replicas > min_replicas:
        return schedule
    return Kept(min_replicas) if min_replicas else None


def _state(facts: WorkloadFacts) -> tuple[WorkloadState, str]:
    """Return the state and its reason."""
    stats, replicas = facts.stats, facts.replicas or 0
    if facts.suspended:
        is_draining = facts.ending or (stats is not None and stats.in_flight)
        return WorkloadState.SUSPENDED, "Draining" if is_draining else "Drained"
    if facts.problem:
        return WorkloadState.DEGRADED, facts.problem.reason
    if stats is None or facts.replicas is None:
        return (WorkloadState.ACTIVE if replicas else WorkloadState.SCALED_TO_ZERO), "NotKnown"
    if facts.waking_since is not None or _waits_for_a_worker(facts, stats):
        return WorkloadState.WAKING, "WorkersStarting"
    if stats.work:
        return WorkloadState.ACTIVE, "WorkExists"
    if facts.ending and not replicas:
        return WorkloadState.COOLING_DOWN, "WorkersEnding"
    if replicas > facts.kept_replicas:
        return WorkloadState.COOLING_DOWN, "NoWork"
    return (WorkloadState.ACTIVE, "WorkersKept") if replicas else (WorkloadState.SCALED_TO_ZERO, "NoWork")


def _waits_for_a_worker(facts: WorkloadFacts, stats: Stats) -> bool:
    """Return whether there is work and nobody to do it; a worker with a job works, whatever its readiness says."""
    is_at_work = stats.in_flight and facts.replicas
    return bool(stats.work and not facts.serving and not is_at_work)


def _asleep_at(facts: WorkloadFacts, state: WorkloadState) -> float | None:
    if state is not WorkloadState.COOLING_DOWN or facts.last_active is None:
        return None
    asleep = facts.last_active + facts.cooldown_seconds
    return asleep if facts.replicas and not facts.kept and asleep > facts.now else None
