"""What a workload is doing, in one word and one sentence.

Pure: no I/O, no clock.
"""

import dataclasses

from greenscale_jobs import Stats, at_work
from greenscale_jobs.engine_report import engine_fault


@dataclasses.dataclass(frozen=True)
class Sight:
    """What the supervisor sees of a workload at one instant; times are Unix seconds."""

    stats: Stats
    replicas: int
    wanted: int
    max_replicas: int
    suspended: bool
    now: float
    waking_since: float | None
    """When scaling from zero began, until a worker claims."""
    asleep_at: float | None
    """When the cooldown ends if no job comes."""
    kept_replicas: int
    """How many workers are kept without work."""
    kept: str
    """Which these are and why, as a clause."""
    crash: str | None
    usual_wake_seconds: float | None


def describe(sight: Sight) -> tuple[str, str]:
    """Return the state (as in the resource's status) and a sentence that explains it."""
    stats = sight.stats
    fault = engine_fault(stats, workers=sight.replicas, suspended=sight.suspended, now=sight.now)
    if fault:
        return "Degraded", fault
    if sight.crash and stats.work:
        return "Degraded", f"Workers crash again and again; the last: {sight.crash}"
    if sight.suspended:
        return "Suspended", f"Takes prompts, runs none; {stats.in_flight} still running."
    if sight.waking_since is not None:
        waking = f"Waking for {max(0.0, sight.now - sight.waking_since):.0f} s"
        usual = f", usually {sight.usual_wake_seconds:.1f} s" if sight.usual_wake_seconds else ""
        return "Waking", f"{waking}{usual}; {_jobs(stats.pending)} waiting."
    if stats.work and sight.replicas:
        return "Active", at_work(stats, replicas=sight.replicas, most=sight.max_replicas)
    if stats.work:
        return "Waking", f"{_jobs(stats.pending)} waiting; the next poll wakes a worker."
    if sight.replicas > 0 and sight.asleep_at is not None:
        return "CoolingDown", f"Idle. Asleep again in {max(0.0, sight.asleep_at - sight.now):.0f} s."
    if sight.replicas > sight.kept_replicas:
        then = f"when the cooldown is over, {sight.kept}" if sight.kept_replicas else "the workers go soon"
        return "CoolingDown", f"Idle; {then}."
    if sight.replicas > 0:
        return "Active", f"Idle; {sight.kept}."
    return "ScaledToZero", "Nothing runs, nothing costs. A prompt wakes it."


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
