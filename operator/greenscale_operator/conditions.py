"""What is the case with a workload: its conditions, its state in one word, and a sentence.

Pure: no I/O, no clock, no Kopf. `Ready` means that a job submitted now will be done; it is True at zero replicas.
"""

from typing import Literal

import msgspec

from greenscale_jobs.engine_fault import engine_fault
from greenscale_jobs.records import at_work
from greenscale_operator.observed import Fault, Observed, Scaler

Truth = Literal["True", "False", "Unknown"]


class Condition(msgspec.Struct, frozen=True):
    """One observation in the Kubernetes form; times and generations are `status`' matter."""

    type: str
    status: Truth
    reason: str
    message: str


def conditions(observed: Observed) -> list[Condition]:
    """Return all conditions, `Ready` first."""
    return [
        ready(observed),
        _spec_accepted(observed),
        _queue_reachable(observed),
        _worker_available(observed),
        _scaler_ready(observed),
        _active(observed),
        _suspended(observed),
        _degraded(observed),
    ]


def ready(observed: Observed) -> Condition:
    """Return whether a job submitted now will be done."""
    fault = _worst(observed)
    if fault:
        return Condition("Ready", "False", fault.reason, fault.message)
    if observed.suspend:
        return Condition(
            "Ready", "False", "Suspended", "Jobs are accepted and wait: set spec.suspend to false to have them done."
        )
    unsettled = _unsettled(observed)
    if unsettled:
        return Condition("Ready", "Unknown", unsettled.reason, unsettled.message)
    if observed.workers and observed.workers.replicas and not observed.workers.ready:
        return Condition(
            "Ready", "True", "WorkersStarting", "A job submitted now will be done once a worker has started."
        )
    if observed.workers and observed.workers.replicas:
        return Condition("Ready", "True", "WorkersRunning", "A job submitted now will be done by a running worker.")
    return Condition("Ready", "True", "ScaledToZero", "A job submitted now wakes a worker and will be done.")


def state(observed: Observed) -> str:
    """Return what the workload is doing, in one word."""
    stats, workers = observed.stats, observed.workers
    replicas = workers.replicas if workers else 0
    if observed.suspend:
        return "Suspended"
    if _worst(observed):
        return "Degraded"
    if stats is None or workers is None:
        return "ScaledToZero" if replicas == 0 else "Active"
    if observed.waking_since is not None or (stats.work and not workers.ready):
        return "Waking"
    if stats.work:
        return "Active"
    if replicas > observed.min_replicas:
        return "CoolingDown"
    return "Active" if replicas else "ScaledToZero"


def sentence(observed: Observed) -> str:
    """Return one sentence that explains the state."""
    stats, workers = observed.stats, observed.workers
    match state(observed):
        case "Degraded":
            fault = _worst(observed)
            return fault.message if fault else ""
        case "Suspended":
            return _suspended(observed).message
        case "Waking":
            doing = observed.pods or "a worker is being started"
            return f"{_jobs(stats.pending if stats else 0)} waiting: {doing}."
        case "CoolingDown":
            return "No job is left; the workers go when the cooldown is over."
        case "Active" if stats and stats.work and workers:
            return at_work(stats, replicas=workers.replicas, most=observed.max_replicas)
        case "Active":
            return "Idle; the least number of workers is kept."
        case _:
            return "Nothing runs, nothing costs. A prompt wakes it."


def asleep_at(observed: Observed) -> float | None:
    """Return when KEDA will go to zero if no job comes, in Unix seconds; None where it will not."""
    last = observed.scaler.last_active if observed.scaler else None
    if state(observed) != "CoolingDown" or last is None or observed.min_replicas:
        return None
    return last + observed.cooldown_seconds


def _worst(observed: Observed) -> Fault | None:
    """Return what keeps jobs from being done and will not pass by itself; the cause before its consequences."""
    return (
        observed.failure
        or observed.spec_fault
        or observed.refusal
        or observed.worker_fault
        or observed.queue_fault
        or observed.scaler_fault
        or _keda_fault(observed.scaler)
        or _engine_fault(observed)
        or observed.pods_fault
        or (observed.workers.failure if observed.workers else None)
    )


def _keda_fault(scaler: Scaler | None) -> Fault | None:
    if scaler is None:
        return None
    if scaler.ready is False:
        return Fault(scaler.reason or "ScalerNotReady", f"KEDA cannot scale it: {scaler.message or 'no reason given'}")
    return None


def _engine_fault(observed: Observed) -> Fault | None:
    workers = observed.workers.replicas if observed.workers else 0
    fault = engine_fault(observed.stats, workers=workers, suspended=observed.suspend, now=observed.now)
    return Fault("EngineRefuses", fault) if fault else None


def _unsettled(observed: Observed) -> Fault | None:
    """Return what is not known yet."""
    if observed.pending:
        return observed.pending
    if observed.workers is None:
        return Fault("Progressing", "The worker Deployment is being made.")
    if observed.scaler is None:
        return Fault("Progressing", "The ScaledObject is being made.")
    if observed.scaler.ready is None:
        return Fault("WaitingForKeda", "KEDA has not looked at the ScaledObject yet: is its operator running?")
    return None


def _spec_accepted(observed: Observed) -> Condition:
    """Return whether the API server accepts every object that the spec asks for."""
    kind = "SpecAccepted"
    fault = observed.spec_fault or observed.refusal
    if fault:
        return Condition(kind, "False", fault.reason, fault.message)
    if observed.is_accepted:
        return Condition(kind, "True", "Accepted", "Kubernetes accepts every object of this spec.")
    cause = observed.failure or observed.pending or observed.worker_fault or observed.scaler_fault
    if cause:
        return Condition(kind, "Unknown", cause.reason, f"Not all of this spec could be tried: {cause.message}")
    return Condition(kind, "Unknown", "Progressing", "Not every object of this spec has been tried yet.")


def _queue_reachable(observed: Observed) -> Condition:
    if observed.queue_fault:
        return Condition("QueueReachable", "False", observed.queue_fault.reason, observed.queue_fault.message)
    if observed.stats is None:
        return Condition("QueueReachable", "Unknown", "NotTried", "The queue has not been looked at yet.")
    return Condition("QueueReachable", "True", "RedisAnswers", f"Redis at {observed.redis} answers.")


def _worker_available(observed: Observed) -> Condition:
    kind = "WorkerAvailable"
    fault = observed.spec_fault or observed.worker_fault or observed.pods_fault
    workers = observed.workers
    if fault or (workers and workers.failure):
        fault = fault or (workers.failure if workers else None) or Fault("Unknown", "")
        return Condition(kind, "False", fault.reason, fault.message)
    if workers is None:
        return Condition(kind, "Unknown", "Progressing", "The worker Deployment is being made.")
    if workers.replicas == 0:
        return Condition(kind, "True", "ScaledToZero", "No worker is needed; one is started when a job comes.")
    if workers.ready == 0:
        doing = observed.pods or "no pod is ready yet"
        return Condition(kind, "False", "Starting", f"{workers.replicas} wanted: {doing}.")
    return Condition(kind, "True", "Running", f"{workers.ready} of {workers.replicas} workers are ready.")


def _scaler_ready(observed: Observed) -> Condition:
    kind = "ScalerReady"
    fault = observed.scaler_fault or _keda_fault(observed.scaler)
    if fault:
        return Condition(kind, "False", fault.reason, fault.message)
    if observed.scaler is None:
        return Condition(kind, "Unknown", "Progressing", "The ScaledObject is not made yet.")
    if observed.scaler.ready is None:
        return Condition(kind, "Unknown", "WaitingForKeda", "KEDA has not looked at the ScaledObject yet.")
    return Condition(kind, "True", "ScaledObjectReady", "KEDA watches the queue.")


def _active(observed: Observed) -> Condition:
    active = observed.scaler.active if observed.scaler else None
    if active is None:
        return Condition("Active", "Unknown", "NotReported", "KEDA has not said whether there is work.")
    if active:
        return Condition("Active", "True", "WorkExists", "Jobs wait or run, or the cooldown after them is not over.")
    return Condition("Active", "False", "NoWork", "No job waits or runs.")


def _suspended(observed: Observed) -> Condition:
    if not observed.suspend:
        return Condition("Suspended", "False", "NotSuspended", "Jobs are worked on.")
    running = observed.stats.in_flight if observed.stats else 0
    if running:
        return Condition(
            "Suspended", "True", "Draining", f"Takes prompts, claims none; {_jobs(running)} still running."
        )
    return Condition("Suspended", "True", "Drained", "Takes prompts, runs none. Set spec.suspend to false to resume.")


def _degraded(observed: Observed) -> Condition:
    fault = _worst(observed)
    if fault is None and observed.scaler and observed.scaler.hpa_fault and observed.max_replicas > 1:
        fault = Fault("HPAFailing", f"It stays at one worker, for the HPA has no numbers: {observed.scaler.hpa_fault}")
    if fault:
        return Condition("Degraded", "True", fault.reason, fault.message)
    return Condition("Degraded", "False", "AsExpected", "Nothing needs you.")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
