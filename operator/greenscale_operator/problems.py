"""What is wrong with a workload: what keeps jobs from being done, and what only makes it less than was asked for.

Pure: no I/O, no clock. Each problem names the remedy.
"""

from greenscale_jobs.engine_report import engine_fault
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Facts, timestamp

CLAIM_SECONDS = 60.0
"""A ready worker with room claims what waits within a second or two; after this long it is a problem."""

SCALING_SECONDS = 60.0
"""A scaler polls every `pollingInterval`; a problem if it has not after three of them, and no sooner than this."""

ENDING_SECONDS = 60.0
"""A worker without a job ends within seconds, its model server after it."""


def blocking(facts: Facts) -> Problem | None:
    """Return what keeps jobs from being done and will not pass by itself; the cause before its consequences."""
    return (
        facts.failure
        or facts.spec_problem
        or facts.refusal
        or facts.worker_problem
        or facts.queue_problem
        or facts.scaler_problem
        or _reported(facts)
        or _engine_problem(facts)
        or not_claiming(facts)
        or _pods_problem(facts)
        or (paused(facts) if _is_starved(facts) else None)
        or not_scaling(facts)
    )


def lacking(facts: Facts) -> Problem | None:
    """Return what makes a workload less than was asked for, though jobs are done."""
    failure = facts.workers.failure if facts.workers and _lacks(facts) else None
    return facts.pods.problem or failure or paused(facts) or _kept_idle(facts) or _limited(facts) or _ends_slowly(facts)


def scaler_problem(facts: Facts) -> Problem | None:
    """Return why the scaler does not scale."""
    return facts.scaler_problem or _reported(facts) or paused(facts) or not_scaling(facts) or _kept_idle(facts)


def serving(facts: Facts) -> int:
    """Return how many workers can do a job now: by the pods where they were read, else by the Deployment."""
    if facts.pods.looked:
        return facts.pods.working
    return facts.workers.ready if facts.workers else 0


def paused(facts: Facts) -> Problem | None:
    """Return who has paused the scaler and is not the operator, which pauses it for a suspended workload."""
    return facts.scaler.pause if facts.scaler and not facts.suspend else None


def not_scaling(facts: Facts) -> Problem | None:
    """Return that the scaler does not see jobs that wait."""
    stats, since, terms = facts.stats, facts.unscaled_since, facts.scaler_terms
    patience = scaling_seconds(facts.polling_seconds)
    if stats is None or since is None or paused(facts) or facts.now - since < patience:
        return None
    return Problem(
        "ScalerNotLooking",
        f"Jobs have waited for {int(patience)} s and {terms.name} starts no worker, though it reports no problem. "
        f"{terms.check_queue}",
    )


def idle_until(facts: Facts) -> float | None:
    """Return when the last worker must be gone if no job comes, in Unix seconds; None where one may stay."""
    stats, scaler, workers = facts.stats, facts.scaler, facts.workers
    if stats is None or stats.work or facts.suspend or facts.kept_replicas or paused(facts):
        return None
    if scaler is None or scaler.last_active is None or workers is None or not workers.replicas:
        return None
    # A schedule that keeps workers counts as work for the scaler, too.
    return scaler.last_active + facts.cooldown_seconds + scaling_seconds(facts.polling_seconds)


def _kept_idle(facts: Facts) -> Problem | None:
    """Return that the scaler ends no worker though nothing is left to do."""
    until, terms = idle_until(facts), facts.scaler_terms
    if until is None or facts.now < until:
        return None
    return Problem(
        "ScalerNotLooking", f"No job is left, the cooldown is over, and {terms.name} ends no worker. {terms.check}"
    )


def scaling_seconds(polling_interval: int) -> float:
    """Return for how long jobs may wait at zero before it counts as a problem that no worker starts."""
    return max(SCALING_SECONDS, 3.0 * polling_interval)


def not_claiming(facts: Facts) -> Problem | None:
    """Return that ready workers claim nothing of what waits."""
    since = facts.unclaimed_since
    if since is None or facts.now - since < CLAIM_SECONDS:
        return None
    return Problem(
        "NotClaiming",
        f"Jobs wait, a worker is ready, and none was claimed for {int(CLAIM_SECONDS)} s. Look at the worker's log: "
        f"kubectl logs -n {facts.namespace} deployment/{facts.name} -c worker. Does it read the same list in the "
        f"same Redis ({facts.redis}), and is spec.worker.image a GreenScale worker?",
    )


def _is_starved(facts: Facts) -> bool:
    """Return whether a job submitted now would wait for a worker that a paused scaler does not start."""
    wanted = facts.workers.replicas if facts.workers else 0
    return wanted == 0 and facts.scaler is not None and not facts.scaler.starts_workers


def _reported(facts: Facts) -> Problem | None:
    """Return what the scaler itself reports."""
    return facts.scaler.problem if facts.scaler else None


def _engine_problem(facts: Facts) -> Problem | None:
    wanted = facts.workers.replicas if facts.workers else 0
    message = engine_fault(facts.stats, workers=wanted, suspended=facts.suspend, now=facts.now)
    return Problem("EngineRefuses", message) if message else None


def _pods_problem(facts: Facts) -> Problem | None:
    """Return why no worker is ready and none will be."""
    if facts.workers is None or serving(facts) or facts.pods.starting:
        return None
    return facts.pods.problem or (facts.workers.failure if not facts.workers.existing else None)


def _lacks(facts: Facts) -> bool:
    workers = facts.workers
    return workers is not None and workers.existing < workers.replicas


def _limited(facts: Facts) -> Problem | None:
    """Return why the scaler starts fewer workers than the work needs."""
    scaler = facts.scaler
    if scaler is None:
        return None
    return scaler.conflict or (scaler.stays_at_one if facts.max_replicas > 1 else None)


def _ends_slowly(facts: Facts) -> Problem | None:
    """Return that pods without a job do not end; the kubelet does not show which container holds one."""
    pods, busy = facts.pods, facts.stats is None or facts.stats.in_flight
    if busy or pods.ending_since is None or facts.now - pods.ending_since < ENDING_SECONDS:
        return None
    return Problem(
        "EndingSlowly",
        f"A pod without a job has not ended within {int(ENDING_SECONDS)} s and holds its node's resources, a GPU too, "
        f"until {timestamp(pods.ending_until)} at the latest: one of its containers ignores SIGTERM. Run its command "
        "under an init such as tini, or lower spec.queue.jobTimeoutSeconds.",
    )
