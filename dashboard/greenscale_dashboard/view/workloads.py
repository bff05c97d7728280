"""What each workload does, as plain values."""

import dataclasses
import time

from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.words import LOOKS, UNKNOWN, Look, seconds
from greenscale_jobs import STATUS_STALE_SECONDS, RedisAddress, Stats, WorkloadStatus
from greenscale_jobs.keys import DEFAULT_LIST

FRESH_SECONDS = 1.0
"""How old the numbers on a page may be."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """One workload as the page shows it."""

    name: str
    list_name: str
    look: Look
    sentence: str
    waiting: int
    running: int
    replicas: str
    """`1 of 4`, or a dash where nobody measures it."""
    dead: int


@shared(seconds=FRESH_SECONDS)
def statuses(address: RedisAddress) -> list[WorkloadStatus]:
    """Return what was last told of all workloads, by namespace and name."""
    return client(address, DEFAULT_LIST).workloads()


@shared(seconds=FRESH_SECONDS)
def stats(address: RedisAddress, list_name: str) -> Stats:
    """Return a queue's numbers."""
    return client(address, list_name).stats()


def status(address: RedisAddress, list_name: str) -> WorkloadStatus | None:
    """Return what was last told of the workload with this queue; None for a bare queue."""
    return next((told for told in statuses(address) if told.list_name == list_name), None)


def workload_names(address: RedisAddress, default_list: str) -> dict[str, str]:
    """Return name -> list of all workloads; where none is known, the default list alone."""
    known = statuses(address)
    names = [told.name for told in known]
    unique = {told.name if names.count(told.name) == 1 else f"{told.namespace}/{told.name}": told for told in known}
    return {name: told.list_name for name, told in unique.items()} or {default_list: default_list}


def workload(address: RedisAddress, name: str, list_name: str) -> Workload:
    """Return what a workload does now."""
    numbers, told = stats(address, list_name), status(address, list_name)
    look, sentence = describe(told, numbers, now=time.time())
    fresh = told is not None and look is not UNKNOWN
    return Workload(
        name=name,
        list_name=list_name,
        look=look,
        sentence=sentence,
        waiting=numbers.pending,
        running=numbers.in_flight,
        replicas=f"{told.replicas} of {told.max_replicas}" if told and fresh else seconds(None),
        dead=numbers.dead,
    )


def describe(told: WorkloadStatus | None, stats: Stats, *, now: float) -> tuple[Look, str]:
    """Return how a workload looks and what is said of it. Pure."""
    if told is None:
        fault = f" A worker says: {stats.fault}" if stats.fault else ""
        return UNKNOWN, f"A bare queue: nobody scales it, so its workers are not counted.{fault}"
    look = LOOKS.get(told.state, UNKNOWN)
    age = now - told.sampled_at
    if age > STATUS_STALE_SECONDS:
        return UNKNOWN, f"Nobody has told of it for {seconds(age)}. The last that was heard: {look.word.lower()}."
    return look, _sentence(told, stats, now=now)


def _sentence(told: WorkloadStatus, stats: Stats, *, now: float) -> str:
    """Return what is said of a state, with the numbers of now and not of the last status."""
    usual = f"; the last time that took {seconds(told.last_wake_seconds)}" if told.last_wake_seconds else ""
    match told.state:
        case "ScaledToZero":
            return f"Nothing runs, nothing costs. A prompt wakes it{usual}."
        case "Waking" if told.waking_since:
            return f"Waking for {seconds(now - told.waking_since)}{usual}."
        case "Active":
            return told.at_work(stats) if stats.work else f"Idle, {told.replicas} of {told.max_replicas} workers."
        case "CoolingDown" if told.asleep_at:
            return f"Idle. Asleep again in {max(0.0, told.asleep_at - now):.0f} s."
        case _:
            return told.message
