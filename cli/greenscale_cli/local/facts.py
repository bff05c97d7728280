"""What the supervisor knows of its workload, as `greenscale_jobs.judgement` takes it.

Pure: no I/O, no clock.
"""

from greenscale_cli.local.autoscaler import Position, ScaledObject
from greenscale_jobs import Stats
from greenscale_jobs.engine_report import engine_fault
from greenscale_jobs.judgement import WorkloadFacts, keeps
from greenscale_jobs.workloads import Problem


def workload_facts(
    scaled: ScaledObject,
    position: Position,
    stats: Stats,
    *,
    running: int,
    crash: str | None,
    suspended: bool,
    waking_since: float | None,
    now: float,
) -> WorkloadFacts:
    """Return what a workload is judged by; `running` counts its worker processes, `crash` is how they crash."""
    is_wanted = position.replicas > 0
    return WorkloadFacts(
        now=now,
        stats=stats,
        replicas=running if is_wanted else 0,
        max_replicas=scaled.max_replicas,
        serving=running if is_wanted else 0,
        ending=0 if is_wanted else running,
        suspended=suspended,
        problem=_problem(stats, running=running, crash=crash, suspended=suspended, now=now),
        kept=keeps(scaled.min_replicas, scaled.kept(now)),
        waking_since=waking_since,
        last_active=position.last_active,
        cooldown_seconds=scaled.cooldown_period,
    )


def _problem(stats: Stats, *, running: int, crash: str | None, suspended: bool, now: float) -> Problem | None:
    """Return what keeps jobs from being done; crashes without work are of the past."""
    fault = engine_fault(stats, workers=running, suspended=suspended, now=now)
    if fault:
        return Problem("EngineRefuses", fault)
    if crash and stats.work:
        return Problem("WorkersCrash", f"Workers keep crashing; the last: {crash}")
    return None
