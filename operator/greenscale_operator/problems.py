"""What is wrong with a workload: what keeps jobs from being done, and what only makes it less than was asked for.

Pure: no I/O, no clock. Each problem names the remedy.
"""

import re

from greenscale_jobs.engine_report import engine_fault
from greenscale_operator.facts import PAUSES, Facts, Problem, Scaler, timestamp

CLAIM_SECONDS = 60.0
"""A ready worker with room claims what waits within a second or two; after this long it is a problem."""

LOOK_SECONDS = 60.0
"""KEDA looks every `pollingInterval`; after three of them, and no sooner than this, that it does not is a problem."""

ENDING_SECONDS = 60.0
"""A worker without a job ends within seconds, its model server after it."""

ENDS = tuple(PAUSES)[:3]
"""The pauses that let no worker start; the last one only lets none go."""

HPA_NAME = re.compile(r"managed by the hpa '?([\w.-]+)'?")
"""How KEDA's webhook names another HPA of the same Deployment."""


def blocking(facts: Facts) -> Problem | None:
    """Return what keeps jobs from being done and will not pass by itself; the cause before its consequences."""
    return (
        facts.failure
        or facts.spec_problem
        or refusal(facts)
        or facts.worker_problem
        or facts.queue_problem
        or _scaler_refused(facts)
        or keda_problem(facts.scaler)
        or _engine_problem(facts)
        or not_claiming(facts)
        or _pods_problem(facts)
        or (paused(facts) if _is_starved(facts) else None)
        or not_looking(facts)
    )


def lacking(facts: Facts) -> Problem | None:
    """Return what makes a workload less than was asked for, though jobs are done."""
    failure = facts.workers.failure if facts.workers and _lacks(facts) else None
    return (
        facts.pods.problem
        or failure
        or paused(facts)
        or _kept_idle(facts)
        or _hpa_problem(facts)
        or _ends_slowly(facts)
    )


def scaler_problem(facts: Facts) -> Problem | None:
    """Return why KEDA does not scale."""
    return (
        _scaler_refused(facts) or keda_problem(facts.scaler) or paused(facts) or not_looking(facts) or _kept_idle(facts)
    )


def serving(facts: Facts) -> int:
    """Return how many workers can do a job now: where the pods were looked at, they know better than the Deployment."""
    if facts.pods.looked:
        return facts.pods.working
    return facts.workers.ready if facts.workers else 0


def keda_problem(scaler: Scaler | None) -> Problem | None:
    """Return what KEDA itself reports."""
    if scaler is None or scaler.ready is not False:
        return None
    return Problem(scaler.reason or "ScalerNotReady", f"KEDA cannot scale it: {scaler.message or 'no reason given'}")


def paused(facts: Facts) -> Problem | None:
    """Return which annotation pauses KEDA that is not the operator's: a suspended workload is paused by it."""
    if facts.scaler is None or facts.suspend or not facts.scaler.pauses:
        return None
    names = facts.scaler.pauses
    what = {PAUSES[2]: "no worker starts", PAUSES[3]: "no worker goes"}.get(names[0], "KEDA scales nothing")
    undo = " ".join(f"{name}-" for name in names)
    command = f"kubectl annotate scaledobject {_scaler_name(facts)} -n {facts.namespace} {undo}"
    return Problem("Paused", f"The ScaledObject is paused by {' and '.join(names)}: {what}. To undo it: {command}")


def not_looking(facts: Facts) -> Problem | None:
    """Return that KEDA does not see jobs that wait."""
    stats, since = facts.stats, facts.unscaled_since
    patience = look_seconds(facts.polling_seconds)
    if stats is None or since is None or paused(facts) or facts.now - since < patience:
        return None
    name = _scaler_name(facts)
    return Problem(
        "ScalerNotLooking",
        f"Jobs have waited for {int(patience)} s and KEDA starts no worker, though it reports no problem. Is its "
        f"operator running (kubectl get pods -n keda), and can it reach Redis at {facts.redis}? "
        f"kubectl describe scaledobject {name} -n {facts.namespace}",
    )


def idle_until(facts: Facts) -> float | None:
    """Return when the last worker must be gone if no job comes, in Unix seconds; None where one may stay."""
    stats, scaler, workers = facts.stats, facts.scaler, facts.workers
    if stats is None or stats.work or facts.suspend or facts.kept_replicas or paused(facts):
        return None
    if scaler is None or scaler.last_active is None or workers is None or not workers.replicas:
        return None
    # A schedule that keeps workers counts as work for KEDA, too.
    return scaler.last_active + facts.cooldown_seconds + look_seconds(facts.polling_seconds)


def _kept_idle(facts: Facts) -> Problem | None:
    """Return that KEDA lets no worker go though nothing is left to do."""
    until = idle_until(facts)
    if until is None or facts.now < until:
        return None
    return Problem(
        "ScalerNotLooking",
        "No job is left, the cooldown is over, and KEDA lets no worker go: is its operator running (kubectl get pods "
        f"-n keda)? kubectl describe scaledobject {_scaler_name(facts)} -n {facts.namespace}",
    )


def look_seconds(polling_interval: int) -> float:
    """Return for how long jobs may wait at zero before it counts as a problem that KEDA starts no worker."""
    return max(LOOK_SECONDS, 3.0 * polling_interval)


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
    """Return whether a job submitted now would wait for a worker that a paused KEDA does not start."""
    pauses = facts.scaler.pauses if facts.scaler else ()
    wanted = facts.workers.replicas if facts.workers else 0
    return wanted == 0 and any(name in ENDS for name in pauses)


def refusal(facts: Facts) -> Problem | None:
    """Return why Kubernetes does not accept the spec."""
    return _with_foreign_hpa(facts.refusal, facts)


def _scaler_refused(facts: Facts) -> Problem | None:
    """Return why the ScaledObject is not there."""
    return _with_foreign_hpa(facts.scaler_problem, facts)


def _with_foreign_hpa(problem: Problem | None, facts: Facts) -> Problem | None:
    """Return the problem; a foreign HPA in it is named with the command that removes it."""
    named = HPA_NAME.search(problem.message) if problem else None
    if problem is None or named is None:
        return problem
    return Problem(
        problem.reason, f"{problem.message} To remove it: kubectl delete hpa {named[1]} -n {facts.namespace}"
    )


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


def _hpa_problem(facts: Facts) -> Problem | None:
    scaler = facts.scaler
    if scaler is None or scaler.hpa_reason is None:
        return None
    words = f"{scaler.hpa_reason}: {scaler.hpa_message}"
    if scaler.hpa_reason == "AmbiguousSelector":
        find = f"kubectl get hpa -n {facts.namespace}"
        message = f"Another HorizontalPodAutoscaler scales the same Deployment, so none of them does ({words}). "
        return Problem(
            "ForeignAutoscaler", f"{message}Delete the one that is not keda-hpa-{_scaler_name(facts)}: {find}"
        )
    if facts.max_replicas == 1:
        return None
    return Problem("HPAFailing", f"It stays at one worker, since the HPA has no numbers ({words}).")


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


def _scaler_name(facts: Facts) -> str:
    return f"{facts.name}-scaler"
