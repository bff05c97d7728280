"""The resource's status: what it holds, and when it is worth writing.

Pure.
"""

import re
from typing import Any

from greenscale_jobs.workloads import Problem, Stats
from greenscale_operator.conditions import Condition, conditions
from greenscale_operator.facts import Facts, seconds, timestamp
from greenscale_operator.verdict import verdict

Status = dict[str, Any]

NUMBERS_SECONDS = 10.0
"""Numbers alone are written at most this often: they change with every job."""

MAX_MESSAGE, MAX_REASON = 32_768, 1024
"""What the API server accepts in a condition."""

NUMBERS = ("queue", "lastActiveTime")


def status(facts: Facts, before: Status, *, model: str | None) -> Status:
    """Return the whole status. A condition that holds on keeps its `lastTransitionTime`."""
    judged = verdict(facts)
    was = {condition["type"]: condition for condition in before.get("conditions", [])}
    fields: Status = {
        "observedGeneration": facts.generation,
        "state": judged.state.value,
        "replicas": judged.replicas,
        "conditions": [
            _entry(condition, was.get(condition.type), facts.generation, facts.now) for condition in conditions(facts)
        ],
        "model": model,
        "queue": queue(facts.stats, facts.now) if facts.stats else before.get("queue"),
        "lastActiveTime": timestamp(facts.scaler.last_active) if facts.scaler else before.get("lastActiveTime"),
        "zeroAt": None if judged.replicas else _zero_at(facts, before.get("zeroAt")),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _zero_at(facts: Facts, before: str | None) -> str | None:
    """Return when zero was reached: when no pod was left, which only the pods show unless there never was one."""
    never_ran = facts.workers is None or not facts.workers.reported
    return before or (timestamp(facts.now) if facts.pods.looked or never_ran else None)


def least_status(before: Status, problem: Problem, *, generation: int, now: float) -> Status | None:
    """Return the smallest patch that says what is wrong, for when the whole status cannot be made or is refused.

    None where the status says so already.
    """
    was = next((old for old in before.get("conditions", []) if old["type"] == "Ready"), None)
    ready = _entry(Condition("Ready", "False", problem.reason, problem.message), was, generation, now)
    if was == ready and before.get("observedGeneration") == generation:
        return None
    return {"observedGeneration": generation, "state": None, "conditions": [ready]}


def queue(stats: Stats, now: float) -> Status:
    """Return the queue's part: four lengths and when they were measured."""
    return {
        "pending": stats.pending,
        "inFlight": stats.in_flight,
        "delayed": stats.delayed,
        "dead": stats.dead,
        "sampledAt": timestamp(now),
    }


def wait_before_writing(before: Status, after: Status, *, now: float) -> float | None:
    """Return in how many seconds `after` should be written, 0 at once; None if it says nothing new."""
    if _without_numbers(before) != _without_numbers(after):
        return 0.0
    if _lengths(before) == _lengths(after):
        return None
    age = now - (seconds(before.get("queue", {}).get("sampledAt")) or 0.0)
    return max(0.0, NUMBERS_SECONDS - age)


def patch(before: Status, after: Status) -> Status:
    """Return the merge patch that makes `after` of `before`: what is gone is None."""
    return {**dict.fromkeys(before.keys() - after.keys()), **after}


def _without_numbers(status: Status) -> Status:
    return {name: value for name, value in status.items() if name not in NUMBERS}


def _lengths(status: Status) -> Status:
    return {name: value for name, value in status.get("queue", {}).items() if name != "sampledAt"}


def _entry(condition: Condition, was: Status | None, generation: int, now: float) -> Status:
    """Return a condition as the status holds it, cut to what the API server accepts: others wrote its text."""
    return {
        "type": condition.type,
        "status": condition.status,
        "observedGeneration": generation,
        "lastTransitionTime": _since(was, condition.status, now),
        "reason": re.sub(r"[^A-Za-z0-9_,:]", "", condition.reason)[:MAX_REASON] or "Unknown",
        "message": condition.message[:MAX_MESSAGE],
    }


def _since(was: Status | None, now_status: str, now: float) -> str | None:
    if was and was["status"] == now_status:
        since: str = was["lastTransitionTime"]
        return since
    return timestamp(now)
