"""The conditions of a workload, its state in one word, and a sentence that explains it.

Pure: no I/O, no clock, no Kopf. `Ready` means that a job submitted now will be done; it is True at zero replicas.
"""

from typing import Literal

import msgspec

from greenscale_jobs.records import at_work
from greenscale_operator.faults import blocking, lacking, paused, refusal, scaler_fault, serving
from greenscale_operator.observed import Fault, Observed, elapsed
from greenscale_operator.schedules import who_keeps

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
    fault = blocking(observed)
    if fault:
        return Condition("Ready", "False", fault.reason, fault.message)
    if observed.suspend:
        return Condition(
            "Ready", "False", "Suspended", "Jobs are accepted and wait: set spec.suspend to false to have them done."
        )
    unsettled = _unsettled(observed)
    if unsettled:
        return Condition("Ready", "Unknown", unsettled.reason, unsettled.message)
    pause = paused(observed)
    return _able(observed, f" {pause.message}" if pause else "")


def _able(observed: Observed, note: str) -> Condition:
    """Return how a job submitted now will be done, where nothing stands against it."""
    workers = observed.workers
    if workers is None or not workers.replicas:
        return Condition("Ready", "True", "ScaledToZero", f"A job submitted now wakes a worker and will be done.{note}")
    able, lost = serving(observed), observed.pods.lost
    if not able and lost:
        return Condition("Ready", "Unknown", lost.reason, f"{lost.message}{note}")
    if not able:
        message = f"A job submitted now will be done once a worker has started.{note}"
        return Condition("Ready", "True", "WorkersStarting", message)
    if able <= workers.outdated:
        present = workers.existing - workers.outdated
        message = (
            f"A job submitted now will be done by a worker of the former spec; {present} of {workers.replicas} workers "
            f"have the present one.{note}"
        )
        return Condition("Ready", "True", "RollingOut", message)
    return Condition("Ready", "True", "WorkersRunning", f"A job submitted now will be done by a running worker.{note}")


def state(observed: Observed) -> str:
    """Return what the workload is doing, in one word."""
    stats, workers = observed.stats, observed.workers
    replicas = workers.replicas if workers else 0
    if observed.suspend:
        return "Suspended"
    if blocking(observed):
        return "Degraded"
    if stats is None or workers is None:
        return "ScaledToZero" if replicas == 0 else "Active"
    if observed.waking_since is not None or (stats.work and not serving(observed) and not _at_work(observed)):
        return "Waking"
    if stats.work:
        return "Active"
    if replicas > observed.kept_replicas or (observed.pods.ending and not replicas):
        return "CoolingDown"
    return "Active" if replicas else "ScaledToZero"


def _at_work(observed: Observed) -> bool:
    """Return whether workers have jobs in hand, whatever their readiness probes say."""
    return bool(observed.stats and observed.stats.in_flight and observed.workers and observed.workers.replicas)


def running(observed: Observed) -> int:
    """Return how many workers run or are to: at zero, those that have not ended yet."""
    wanted = observed.workers.replicas if observed.workers else 0
    return wanted or observed.pods.ending


def sentence(observed: Observed) -> str:
    """Return one sentence that explains the state."""
    stats, workers = observed.stats, observed.workers
    kept = who_keeps(observed.min_replicas, observed.kept, observed.now)
    match state(observed):
        case "Degraded":
            fault = blocking(observed)
            return fault.message if fault else ""
        case "Suspended":
            return _suspended(observed).message
        case "Waking":
            doing = observed.pods.doing or "a worker is being started"
            return f"{_jobs(stats.pending if stats else 0)} waiting: {doing}."
        case "CoolingDown" if workers and not workers.replicas:
            return f"{_ending(observed)}."
        case "CoolingDown":
            then = f"when the cooldown is over, {kept}" if observed.kept_replicas else ""
            return f"No job is left; {then or 'the workers go when the cooldown is over'}."
        case "Active" if stats and stats.work and workers:
            return at_work(stats, replicas=workers.replicas, most=observed.max_replicas)
        case "Active":
            return f"Idle; {kept}."
        case _:
            return "Nothing runs, nothing costs. A prompt wakes it."


def _ending(observed: Observed) -> str:
    """Return which workers still hold what they run on, though none is wanted."""
    count, since = observed.pods.ending, observed.pods.ending_since or observed.now
    who = "1 worker is" if count == 1 else f"{count} workers are"
    return f"{who} still ending (for {elapsed(observed.now - since)})"


def asleep_at(observed: Observed) -> float | None:
    """Return when KEDA will go to zero if no job comes, in Unix seconds; None where it will not, or is late."""
    last = observed.scaler.last_active if observed.scaler else None
    running = observed.workers.replicas if observed.workers else 0
    if state(observed) != "CoolingDown" or last is None or observed.kept_replicas or not running:
        return None
    asleep = last + observed.cooldown_seconds
    return asleep if asleep > observed.now else None


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
    fault = observed.spec_fault or refusal(observed)
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
    kind, workers = "WorkerAvailable", observed.workers
    fault = observed.spec_fault or observed.worker_fault
    if fault:
        return Condition(kind, "False", fault.reason, fault.message)
    if workers is None:
        return Condition(kind, "Unknown", "Progressing", "The worker Deployment is being created.")
    if workers.replicas == 0 and observed.pods.ending:
        return Condition(kind, "True", "Ending", f"No worker is needed; {_ending(observed)}.")
    if workers.replicas == 0:
        return Condition(kind, "True", "ScaledToZero", "No worker is needed; one is started when a job comes.")
    able, lack = serving(observed), observed.pods.fault or workers.failure
    doing = lack.message if lack else f"{observed.pods.doing or 'no pod is ready yet'}."
    if able == 0 and observed.pods.starting:
        return Condition(kind, "False", "Starting", f"{workers.replicas} wanted: {doing}")
    if able == 0:
        return Condition(kind, "False", lack.reason if lack else "Starting", doing)
    count = f"{min(able, workers.replicas)} of {workers.replicas} workers are ready"
    lacks = able < workers.replicas and (lack or observed.pods.doing)
    return Condition(kind, "True", "Running", f"{count}: {doing}" if lacks else f"{count}.")


def _scaler_ready(observed: Observed) -> Condition:
    kind = "ScalerReady"
    fault = scaler_fault(observed)
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
        return Condition("Active", "Unknown", "NotReported", "KEDA has not reported activity yet.")
    if active:
        return Condition("Active", "True", "WorkExists", "Jobs wait or run, or the cooldown after them is not over.")
    return Condition("Active", "False", "NoWork", "No job waits or runs.")


def _suspended(observed: Observed) -> Condition:
    if not observed.suspend:
        return Condition("Suspended", "False", "NotSuspended", "Not suspended.")
    running = observed.stats.in_flight if observed.stats else 0
    if running:
        return Condition(
            "Suspended", "True", "Draining", f"Takes prompts, claims none; {_jobs(running)} still running."
        )
    if observed.pods.ending:
        return Condition("Suspended", "True", "Draining", f"Takes prompts, runs none; {_ending(observed)}.")
    return Condition("Suspended", "True", "Drained", "Takes prompts, runs none. Set spec.suspend to false to resume.")


def _degraded(observed: Observed) -> Condition:
    fault = blocking(observed) or lacking(observed)
    if fault:
        return Condition("Degraded", "True", fault.reason, fault.message)
    return Condition("Degraded", "False", "AsExpected", "No action needed.")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
