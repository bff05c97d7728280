"""What is wrong with a workload: what keeps jobs from being done, and what only makes it less than was asked for.

Pure: no I/O, no clock. Each fault names the remedy.
"""

import re

from greenscale_jobs.engine_fault import engine_fault
from greenscale_operator.observed import PAUSES, Fault, Observed, Scaler, timestamp

CLAIM_SECONDS = 60.0
"""A ready worker with room claims what waits within a second or two; after this long it is a fault."""

LOOK_SECONDS = 60.0
"""KEDA looks every `pollingInterval`; after three of them, and no sooner than this, that it does not is a fault."""

ENDING_SECONDS = 60.0
"""A worker without a job ends within seconds, its model server after it."""

ENDS = tuple(PAUSES)[:3]
"""The pauses that let no worker start; the last one only lets none go."""

HPA_NAME = re.compile(r"managed by the hpa '?([\w.-]+)'?")
"""How KEDA's webhook names another HPA of the same Deployment."""


def blocking(observed: Observed) -> Fault | None:
    """Return what keeps jobs from being done and will not pass by itself; the cause before its consequences."""
    return (
        observed.failure
        or observed.spec_fault
        or refusal(observed)
        or observed.worker_fault
        or observed.queue_fault
        or _scaler_refused(observed)
        or keda_fault(observed.scaler)
        or _engine_fault(observed)
        or not_claiming(observed)
        or _pods_fault(observed)
        or (paused(observed) if _is_starved(observed) else None)
        or not_looking(observed)
    )


def lacking(observed: Observed) -> Fault | None:
    """Return what makes a workload less than was asked for, though jobs are done."""
    failure = observed.workers.failure if observed.workers and _lacks(observed) else None
    return (
        observed.pods.fault
        or failure
        or paused(observed)
        or _kept_idle(observed)
        or _hpa_fault(observed)
        or _ends_slowly(observed)
    )


def scaler_fault(observed: Observed) -> Fault | None:
    """Return why KEDA does not scale."""
    return (
        _scaler_refused(observed)
        or keda_fault(observed.scaler)
        or paused(observed)
        or not_looking(observed)
        or _kept_idle(observed)
    )


def serving(observed: Observed) -> int:
    """Return how many workers can do a job now: where the pods were looked at, they know better than the Deployment."""
    if observed.pods.looked:
        return observed.pods.working
    return observed.workers.ready if observed.workers else 0


def keda_fault(scaler: Scaler | None) -> Fault | None:
    """Return what KEDA itself reports."""
    if scaler is None or scaler.ready is not False:
        return None
    return Fault(scaler.reason or "ScalerNotReady", f"KEDA cannot scale it: {scaler.message or 'no reason given'}")


def paused(observed: Observed) -> Fault | None:
    """Return which annotation pauses KEDA that is not the operator's: a suspended workload is paused by it."""
    if observed.scaler is None or observed.suspend or not observed.scaler.pauses:
        return None
    names = observed.scaler.pauses
    what = {PAUSES[2]: "no worker starts", PAUSES[3]: "no worker goes"}.get(names[0], "KEDA scales nothing")
    undo = " ".join(f"{name}-" for name in names)
    command = f"kubectl annotate scaledobject {_scaler_name(observed)} -n {observed.namespace} {undo}"
    return Fault("Paused", f"The ScaledObject is paused by {' and '.join(names)}: {what}. To undo it: {command}")


def not_looking(observed: Observed) -> Fault | None:
    """Return that KEDA does not see jobs that wait."""
    stats, since = observed.stats, observed.unscaled_since
    patience = look_seconds(observed.polling_seconds)
    if stats is None or since is None or paused(observed) or observed.now - since < patience:
        return None
    name = _scaler_name(observed)
    return Fault(
        "ScalerNotLooking",
        f"Jobs have waited for {int(patience)} s and KEDA starts no worker, though it reports no fault. Is its "
        f"operator running (kubectl get pods -n keda), and can it reach Redis at {observed.redis}? "
        f"kubectl describe scaledobject {name} -n {observed.namespace}",
    )


def idle_until(observed: Observed) -> float | None:
    """Return when the last worker must be gone if no job comes, in Unix seconds; None where one may stay."""
    stats, scaler, workers = observed.stats, observed.scaler, observed.workers
    if stats is None or stats.work or observed.suspend or observed.kept_replicas or paused(observed):
        return None
    if scaler is None or scaler.last_active is None or workers is None or not workers.replicas:
        return None
    # A schedule that keeps workers counts as work for KEDA, too.
    return scaler.last_active + observed.cooldown_seconds + look_seconds(observed.polling_seconds)


def _kept_idle(observed: Observed) -> Fault | None:
    """Return that KEDA lets no worker go though nothing is left to do."""
    until = idle_until(observed)
    if until is None or observed.now < until:
        return None
    return Fault(
        "ScalerNotLooking",
        "No job is left, the cooldown is over, and KEDA lets no worker go: is its operator running (kubectl get pods "
        f"-n keda)? kubectl describe scaledobject {_scaler_name(observed)} -n {observed.namespace}",
    )


def look_seconds(polling_interval: int) -> float:
    """Return for how long jobs may wait at zero before it counts as a fault that KEDA starts no worker."""
    return max(LOOK_SECONDS, 3.0 * polling_interval)


def not_claiming(observed: Observed) -> Fault | None:
    """Return that ready workers claim nothing of what waits."""
    since = observed.unclaimed_since
    if since is None or observed.now - since < CLAIM_SECONDS:
        return None
    return Fault(
        "NotClaiming",
        f"Jobs wait, a worker is ready, and none was claimed for {int(CLAIM_SECONDS)} s. Look at the worker's log: "
        f"kubectl logs -n {observed.namespace} deployment/{observed.name} -c worker. Does it read the same list in the "
        f"same Redis ({observed.redis}), and is spec.worker.image a GreenScale worker?",
    )


def _is_starved(observed: Observed) -> bool:
    """Return whether a job submitted now would wait for a worker that a paused KEDA does not start."""
    pauses = observed.scaler.pauses if observed.scaler else ()
    wanted = observed.workers.replicas if observed.workers else 0
    return wanted == 0 and any(name in ENDS for name in pauses)


def refusal(observed: Observed) -> Fault | None:
    """Return why Kubernetes does not accept the spec."""
    return _with_foreign_hpa(observed.refusal, observed)


def _scaler_refused(observed: Observed) -> Fault | None:
    """Return why the ScaledObject is not there."""
    return _with_foreign_hpa(observed.scaler_fault, observed)


def _with_foreign_hpa(fault: Fault | None, observed: Observed) -> Fault | None:
    """Return the fault; a foreign HPA in it is named with the command that removes it."""
    named = HPA_NAME.search(fault.message) if fault else None
    if fault is None or named is None:
        return fault
    return Fault(fault.reason, f"{fault.message} To remove it: kubectl delete hpa {named[1]} -n {observed.namespace}")


def _engine_fault(observed: Observed) -> Fault | None:
    wanted = observed.workers.replicas if observed.workers else 0
    message = engine_fault(observed.stats, workers=wanted, suspended=observed.suspend, now=observed.now)
    return Fault("EngineRefuses", message) if message else None


def _pods_fault(observed: Observed) -> Fault | None:
    """Return why no worker is ready and none will be."""
    if observed.workers is None or serving(observed) or observed.pods.starting:
        return None
    return observed.pods.fault or (observed.workers.failure if not observed.workers.existing else None)


def _lacks(observed: Observed) -> bool:
    workers = observed.workers
    return workers is not None and workers.existing < workers.replicas


def _hpa_fault(observed: Observed) -> Fault | None:
    scaler = observed.scaler
    if scaler is None or scaler.hpa_reason is None:
        return None
    words = f"{scaler.hpa_reason}: {scaler.hpa_message}"
    if scaler.hpa_reason == "AmbiguousSelector":
        find = f"kubectl get hpa -n {observed.namespace}"
        message = f"Another HorizontalPodAutoscaler scales the same Deployment, so none of them does ({words}). "
        return Fault(
            "ForeignAutoscaler", f"{message}Delete the one that is not keda-hpa-{_scaler_name(observed)}: {find}"
        )
    if observed.max_replicas == 1:
        return None
    return Fault("HPAFailing", f"It stays at one worker, since the HPA has no numbers ({words}).")


def _ends_slowly(observed: Observed) -> Fault | None:
    """Return that pods without a job do not end; the kubelet does not show which container holds one."""
    pods, busy = observed.pods, observed.stats is None or observed.stats.in_flight
    if busy or pods.ending_since is None or observed.now - pods.ending_since < ENDING_SECONDS:
        return None
    return Fault(
        "EndingSlowly",
        f"A pod without a job has not ended within {int(ENDING_SECONDS)} s and holds its node's resources, a GPU too, "
        f"until {timestamp(pods.ending_until)} at the latest: one of its containers ignores SIGTERM. Run its command "
        "under an init such as tini, or lower spec.queue.jobTimeoutSeconds.",
    )


def _scaler_name(observed: Observed) -> str:
    return f"{observed.name}-scaler"
