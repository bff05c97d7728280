"""What each workload does, as plain values."""

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from greenscale_dashboard.formatting import LOOKS, UNKNOWN, Look, counted, seconds
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.view.clock import reporter_clock
from greenscale_jobs import (
    STATUS_STALE_SECONDS,
    JobState,
    QueueUnavailable,
    RedisAddress,
    Stats,
    UnknownJob,
    WorkloadStatus,
)
from greenscale_jobs.keys import DEFAULT_LIST

FRESH_SECONDS = 1.0
"""How old the numbers on a page may be."""

FIRST = (LOOKS["Degraded"], UNKNOWN)
"""What needs a person; dead jobs do too. Then what works, then what sleeps."""

THEN = tuple(LOOKS[state] for state in ("Waking", "Active", "CoolingDown", "Suspended", "ScaledToZero"))


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
    done: int = 0
    """Jobs since the queue exists."""
    oldest_seconds: float | None = None
    """How long the next job has waited; None where none waits, or nobody measured it."""
    command: str = ""
    """What helps, to be copied."""

    @property
    def urgency(self) -> tuple[int, str]:
        """What sorts workloads: what needs a person comes first."""
        if self.look in FIRST:
            return FIRST.index(self.look), self.name
        return len(FIRST) + (0 if self.dead else 1 + THEN.index(self.look)), self.name


@shared(seconds=FRESH_SECONDS)
def statuses(address: RedisAddress) -> list[WorkloadStatus]:
    """Return what was last told of all workloads, by namespace and name."""
    return client(address, DEFAULT_LIST).workloads()


@shared(seconds=FRESH_SECONDS)
def stats(address: RedisAddress, list_name: str) -> Stats:
    """Return a queue's numbers."""
    return client(address, list_name).stats()


@shared(seconds=2 * FRESH_SECONDS)
def next_submitted_at(address: RedisAddress, list_name: str) -> float | None:
    """Return when the job was sent that is the next; None where none waits, or another client pushed it."""
    page = client(address, list_name).jobs(JobState.WAITING, limit=1)
    return page.jobs[0].submitted_at if page.jobs else None


def status(address: RedisAddress, list_name: str) -> WorkloadStatus | None:
    """Return what was last told of the workload with this queue; None for a bare queue."""
    return next((told for told in statuses(address) if told.list_name == list_name), None)


def workload_names(address: RedisAddress, default_list: str) -> dict[str, str]:
    """Return name -> list of all workloads; where none is known, the default list alone."""
    known = statuses(address)
    names = [told.name for told in known]
    unique = {told.name if names.count(told.name) == 1 else f"{told.namespace}/{told.name}": told for told in known}
    return {name: told.list_name for name, told in unique.items()} or {default_list: default_list}


def holder(address: RedisAddress, names: Mapping[str, str], job_id: str) -> str | None:
    """Return which of these workloads (name -> list) has a job; None where none has, or Redis is away."""
    for name, list_name in names.items():
        with contextlib.suppress(UnknownJob, QueueUnavailable):
            client(address, list_name).job(job_id)
            return name
    return None


def workload(address: RedisAddress, name: str, list_name: str, *, local: bool = False) -> Workload:
    """Return what a workload does now."""
    now = time.time()
    numbers, told = stats(address, list_name), status(address, list_name)
    theirs = reporter_clock().now(told) if told else now
    look, sentence = describe(told, numbers, now=theirs)
    fresh = told is not None and look is not UNKNOWN
    sent_at = next_submitted_at(address, list_name) if numbers.pending else None
    return Workload(
        name=name,
        list_name=list_name,
        look=look,
        sentence=sentence,
        waiting=numbers.pending,
        running=numbers.in_flight,
        replicas=f"{told.replicas} of {told.max_replicas}" if told and fresh else seconds(None),
        dead=numbers.dead,
        done=numbers.counters.get("done", 0),
        oldest_seconds=None if sent_at is None else max(0.0, now - sent_at),
        command="" if told is None or local else remedy(told, look),
    )


def describe(reported: WorkloadStatus | None, stats: Stats, *, now: float) -> tuple[Look, str]:
    """Return how a workload looks and what is said of it. Pure; `now` is by the clock of whoever reported."""
    if reported is None:
        fault = f" A worker says: {stats.fault}" if stats.fault else ""
        return UNKNOWN, f"A bare queue: nobody scales it, so its workers are not counted.{fault}"
    look = LOOKS.get(reported.state, UNKNOWN)
    age = now - reported.sampled_at
    if age > STATUS_STALE_SECONDS:
        return UNKNOWN, f"Nobody has told of it for {seconds(age)}. The last that was heard: {look.word.lower()}."
    return look, _sentence(reported, stats, now=now)


def _sentence(reported: WorkloadStatus, stats: Stats, *, now: float) -> str:
    """Return what is said of a state, with the numbers of now and not of the last status."""
    match reported.state:
        case "ScaledToZero":
            return f"Nothing runs, nothing costs. A prompt wakes it{_in_about(reported)}."
        case "Waking" if reported.waking_since:
            usual = f", usually {seconds(reported.usual_wake_seconds)}" if reported.usual_wake_seconds else ""
            return f"Waking for {seconds(now - reported.waking_since)}{usual}."
        case "Active" if stats.work:
            return reported.at_work(stats)
        case "Active" if reported.queue.get("pending") or reported.queue.get("inFlight"):
            return f"Idle, {reported.replicas} of {reported.max_replicas} workers."
        case "CoolingDown" if reported.asleep_at:
            return f"Idle. Asleep again in {max(0.0, reported.asleep_at - now):.0f} s."
        case _:
            return reported.message


def _in_about(reported: WorkloadStatus) -> str:
    if not reported.usual_wake_seconds:
        return ""
    of = f"median of the last {reported.wakes} starts" if reported.wakes > 1 else "the one start so far"
    return f" in about {seconds(reported.usual_wake_seconds)} ({of})"


def remedy(told: WorkloadStatus, look: Look) -> str:
    """Return the command that helps, or that tells more; empty where nothing needs a person. Pure."""
    where = f"gsw {told.name} -n {told.namespace}"
    if look is LOOKS["Suspended"]:
        return f"""kubectl patch {where} --type=merge -p '{{"spec":{{"suspend":false}}}}'"""
    return f"kubectl describe {where}" if look in FIRST else ""


def summary(seen: Sequence[Workload]) -> str:
    """Return one line for all workloads. Pure."""
    words = Counter(workload.look.word for workload in sorted(seen, key=lambda workload: workload.urgency))
    states = ", ".join(f"{number} {_said(word, number)}" for word, number in words.items())
    waits = sum(workload.waiting for workload in seen)
    oldest = max((workload.oldest_seconds for workload in seen if workload.oldest_seconds is not None), default=None)
    since = f", the oldest for {seconds(oldest)}" if oldest is not None else ""
    waiting = f"{counted(waits, 'prompt')} {'waits' if waits == 1 else 'wait'}{since}" if waits else "no prompt waits"
    return f"{counted(len(seen), 'workload')}: {states}; {waiting}."


def _said(word: str, number: int) -> str:
    return "need you" if word == "Needs you" and number > 1 else word.lower()
