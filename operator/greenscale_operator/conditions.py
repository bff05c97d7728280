"""The conditions of a workload.

Pure: no I/O, no clock, no Kopf. `Ready` means that a job submitted now will be done; it is True at zero replicas.
"""

from typing import Literal

import msgspec

from greenscale_jobs.sentences import ending, suspension
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Facts
from greenscale_operator.problems import blocking, lacking, paused, scaler_problem, serving

Truth = Literal["True", "False", "Unknown"]


class Condition(msgspec.Struct, frozen=True):
    """One observation in the Kubernetes form; times and generations are `status`' matter."""

    type: str
    status: Truth
    reason: str
    message: str


def conditions(facts: Facts) -> list[Condition]:
    """Return all conditions, `Ready` first."""
    return [
        ready(facts),
        _spec_accepted(facts),
        _queue_reachable(facts),
        _worker_available(facts),
        _scaler_ready(facts),
        _active(facts),
        _suspended(facts),
        _degraded(facts),
    ]


def ready(facts: Facts) -> Condition:
    """Return whether a job submitted now will be done."""
    problem = blocking(facts)
    if problem:
        return Condition("Ready", "False", problem.reason, problem.message)
    if facts.suspend:
        return Condition(
            "Ready", "False", "Suspended", "Jobs are accepted and wait: set spec.suspend to false to have them done."
        )
    unsettled = _unsettled(facts)
    if unsettled:
        return Condition("Ready", "Unknown", unsettled.reason, unsettled.message)
    pause = paused(facts)
    return _able(facts, f" {pause.message}" if pause else "")


def _able(facts: Facts, note: str) -> Condition:
    """Return how a job submitted now will be done, where nothing stands against it."""
    workers = facts.workers
    if workers is None or not workers.replicas:
        return Condition("Ready", "True", "ScaledToZero", f"A job submitted now wakes a worker and will be done.{note}")
    able, lost = serving(facts), facts.pods.lost
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


def _unsettled(facts: Facts) -> Problem | None:
    """Return what is not known yet."""
    if facts.pending:
        return facts.pending
    if facts.workers is None:
        return Problem("Progressing", "The worker Deployment is being made.")
    if facts.scaler is None:
        return Problem("Progressing", f"The {facts.scaler_terms.kind} is being created.")
    if facts.scaler.ready is None:
        return Problem(facts.scaler_terms.waiting_reason, facts.scaler_terms.waiting)
    return None


def _spec_accepted(facts: Facts) -> Condition:
    """Return whether the API server accepts every object that the spec asks for."""
    kind = "SpecAccepted"
    problem = facts.spec_problem or facts.refusal
    if problem:
        return Condition(kind, "False", problem.reason, problem.message)
    if facts.is_accepted:
        return Condition(kind, "True", "Accepted", "Kubernetes accepts every object of this spec.")
    cause = facts.failure or facts.pending or facts.worker_problem or facts.scaler_problem
    if cause:
        return Condition(kind, "Unknown", cause.reason, f"Not all of this spec could be tried: {cause.message}")
    return Condition(kind, "Unknown", "Progressing", "Not every object of this spec has been tried yet.")


def _queue_reachable(facts: Facts) -> Condition:
    if facts.queue_problem:
        return Condition("QueueReachable", "False", facts.queue_problem.reason, facts.queue_problem.message)
    if facts.stats is None:
        return Condition("QueueReachable", "Unknown", "NotTried", "The queue has not been looked at yet.")
    return Condition("QueueReachable", "True", "RedisAnswers", f"Redis at {facts.redis} answers.")


def _worker_available(facts: Facts) -> Condition:
    kind, workers = "WorkerAvailable", facts.workers
    problem = facts.spec_problem or facts.worker_problem
    if problem:
        return Condition(kind, "False", problem.reason, problem.message)
    if workers is None:
        return Condition(kind, "Unknown", "Progressing", "The worker Deployment is being created.")
    if workers.replicas == 0 and facts.pods.ending:
        return Condition(kind, "True", "Ending", f"No worker is needed; {_ending(facts)}.")
    if workers.replicas == 0:
        return Condition(kind, "True", "ScaledToZero", "No worker is needed; one is started when a job comes.")
    able, lack = serving(facts), facts.pods.problem or workers.failure
    doing = lack.message if lack else f"{facts.pods.doing or 'no pod is ready yet'}."
    if able == 0 and facts.pods.starting:
        return Condition(kind, "False", "Starting", f"{workers.replicas} wanted: {doing}")
    if able == 0:
        return Condition(kind, "False", lack.reason if lack else "Starting", doing)
    count = f"{min(able, workers.replicas)} of {workers.replicas} workers are ready"
    lacks = able < workers.replicas and (lack or facts.pods.doing)
    return Condition(kind, "True", "Running", f"{count}: {doing}" if lacks else f"{count}.")


def _scaler_ready(facts: Facts) -> Condition:
    kind, terms = "ScalerReady", facts.scaler_terms
    problem = scaler_problem(facts)
    if problem:
        return Condition(kind, "False", problem.reason, problem.message)
    if facts.scaler is None:
        return Condition(kind, "Unknown", "Progressing", f"The {terms.kind} is being created.")
    if facts.scaler.ready is None:
        return Condition(kind, "Unknown", terms.waiting_reason, terms.waiting)
    return Condition(kind, "True", terms.ready_reason, f"{terms.name} watches the queue.")


def _active(facts: Facts) -> Condition:
    active = facts.scaler.active if facts.scaler else None
    if active is None:
        name = facts.scaler_terms.name
        return Condition("Active", "Unknown", "NotReported", f"{name} has not reported activity yet.")
    if active:
        return Condition("Active", "True", "WorkExists", "Jobs wait or run, or the cooldown after them is not over.")
    return Condition("Active", "False", "NoWork", "No job waits or runs.")


def _suspended(facts: Facts) -> Condition:
    if not facts.suspend:
        return Condition("Suspended", "False", "NotSuspended", "Not suspended.")
    running, ending_workers = facts.stats.in_flight if facts.stats else 0, _ending(facts)
    reason = "Draining" if running or ending_workers else "Drained"
    return Condition("Suspended", "True", reason, suspension(running, ending_workers))


def _degraded(facts: Facts) -> Condition:
    problem = blocking(facts) or lacking(facts)
    if problem:
        return Condition("Degraded", "True", problem.reason, problem.message)
    return Condition("Degraded", "False", "AsExpected", "No action needed.")


def _ending(facts: Facts) -> str:
    return ending(facts.pods.ending, facts.pods.ending_since or facts.now, now=facts.now)
