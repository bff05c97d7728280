"""What each workload does, as plain values."""

import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from greenscale_dashboard.formatting import STATE_STYLES, UNKNOWN, StateStyle, counted, seconds
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.view.clock import reporter_clock
from greenscale_jobs import (
    STATUS_STALE_SECONDS,
    JobState,
    QueueUnavailable,
    RedisAddress,
    Stats,
    UnknownJob,
    WorkloadState,
    WorkloadStatus,
)
from greenscale_jobs.keys import DEFAULT_LIST
from greenscale_jobs.sentences import no_report, sentence, without_workload

FRESH_SECONDS = 1.0
"""How old the numbers on a page may be."""

FIRST = (STATE_STYLES[WorkloadState.DEGRADED], UNKNOWN)
"""What needs a person; dead jobs do too. Then what works, then what sleeps."""

THEN = tuple(
    STATE_STYLES[state]
    for state in (
        WorkloadState.WAKING,
        WorkloadState.ACTIVE,
        WorkloadState.COOLING_DOWN,
        WorkloadState.SUSPENDED,
        WorkloadState.SCALED_TO_ZERO,
    )
)


@dataclasses.dataclass(frozen=True)
class Workload:
    """One workload as the page shows it."""

    name: str
    list_name: str
    style: StateStyle
    sentence: str
    waiting: int
    running: int
    replicas: str
    """`1 of 4`, or a dash where it is not known."""
    dead: int
    done: int = 0
    """Jobs since the queue exists."""
    oldest_seconds: float | None = None
    """How long the next job has waited; None where none waits, or it was not measured."""
    command: str = ""
    """What helps, to be copied."""

    @property
    def urgency(self) -> tuple[int, str]:
        """What sorts workloads: what needs a person comes first."""
        if self.style in FIRST:
            return FIRST.index(self.style), self.name
        return len(FIRST) + (0 if self.dead else 1 + THEN.index(self.style)), self.name


@shared(seconds=FRESH_SECONDS)
def statuses(address: RedisAddress) -> list[WorkloadStatus]:
    """Return the last status of each workload, by namespace and name."""
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
    """Return the last status of the workload with this queue; None for a queue without a workload."""
    return next((status for status in statuses(address) if status.list_name == list_name), None)


def workload_names(address: RedisAddress, default_list: str) -> dict[str, str]:
    """Return name -> list of all workloads; where none is known, the default list alone."""
    known = statuses(address)
    names = [status.name for status in known]
    unique = {
        status.name if names.count(status.name) == 1 else f"{status.namespace}/{status.name}": status
        for status in known
    }
    return {name: status.list_name for name, status in unique.items()} or {default_list: default_list}


def holder(address: RedisAddress, names: Mapping[str, str], job_id: str) -> str | None:
    """Return which of these workloads (name -> list) has a job; None where none has, or Redis is unavailable."""
    for name, list_name in names.items():
        with contextlib.suppress(UnknownJob, QueueUnavailable):
            client(address, list_name).job(job_id)
            return name
    return None


def workload(address: RedisAddress, name: str, list_name: str, *, local: bool = False) -> Workload:
    """Return what a workload does now."""
    now = time.time()
    numbers, reported = stats(address, list_name), status(address, list_name)
    style, said = describe(reported, numbers, now=reporter_clock().now(reported) if reported else now)
    sent_at = next_submitted_at(address, list_name) if numbers.pending else None
    return Workload(
        name=name,
        list_name=list_name,
        style=style,
        sentence=said,
        waiting=numbers.pending,
        running=numbers.in_flight,
        replicas=seconds(None) if reported is None or style is UNKNOWN else _replicas(reported),
        dead=numbers.dead,
        done=numbers.counters.get("done", 0),
        oldest_seconds=None if sent_at is None else max(0.0, now - sent_at),
        command="" if reported is None or local else remedy(reported, style),
    )


def describe(reported: WorkloadStatus | None, stats: Stats, *, now: float) -> tuple[StateStyle, str]:
    """Return how the page shows a workload, and its sentence. Pure; `now` is by the clock of whoever reported."""
    if reported is None:
        return UNKNOWN, without_workload(stats)
    style, age = STATE_STYLES.get(reported.state, UNKNOWN), now - reported.sampled_at
    if age > STATUS_STALE_SECONDS:
        return UNKNOWN, no_report(age, last_state=style.of(1))
    return style, sentence(reported, stats, now=now)


def _replicas(reported: WorkloadStatus) -> str:
    return f"{reported.replicas} of {reported.max_replicas}"


def remedy(reported: WorkloadStatus, style: StateStyle) -> str:
    """Return the command that helps, or that shows more; empty where no action is needed. Pure."""
    where = f"gsw {reported.name} -n {reported.namespace}"
    if style is STATE_STYLES[WorkloadState.SUSPENDED]:
        return f"""kubectl patch {where} --type=merge -p '{{"spec":{{"suspend":false}}}}'"""
    return f"kubectl describe {where}" if style in FIRST else ""


def summary(all_of_them: Sequence[Workload]) -> str:
    """Return one line for all workloads. Pure."""
    styles = Counter(workload.style for workload in sorted(all_of_them, key=lambda workload: workload.urgency))
    states = ", ".join(f"{number} {style.of(number)}" for style, number in styles.items())
    waits = sum(workload.waiting for workload in all_of_them)
    ages = [workload.oldest_seconds for workload in all_of_them if workload.oldest_seconds is not None]
    oldest = max(ages, default=None)
    since = f", the oldest for {seconds(oldest)}" if oldest is not None else ""
    waiting = f"{counted(waits, 'prompt')} {'waits' if waits == 1 else 'wait'}{since}" if waits else "no prompt waits"
    return f"{counted(len(all_of_them), 'workload')}: {states}; {waiting}."
