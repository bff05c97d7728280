"""What is known of a workload: its queue's numbers, its status on the board, and the resource behind it.

Pure: no I/O, no clock.
"""

from typing import Any

import msgspec

STATUS_STALE_SECONDS = 30.0
"""Whoever runs a workload tells of it every twenty seconds at least: an older status is a memory."""


class Stats(msgspec.Struct, frozen=True, rename="camel"):
    """A queue's numbers at one instant, and its counters since it exists."""

    pending: int
    in_flight: int
    delayed: int
    dead: int
    counters: dict[str, int] = {}
    """submitted, done, dead, cancelled, retried, postponed, lost, expired; and the tokens of those done, if known."""
    fault: str | None = None
    """What keeps the engine from working at all, until it works again."""
    fault_at: float | None = None
    fault_until: float | None = None
    """Until when it is news if nobody repeats it; None from a worker of another version."""
    workers: int = 0
    """Live workers, as KEDA counts them."""

    @property
    def work(self) -> int:
        """The work that exists, which is what must be scaled on."""
        return self.pending + self.in_flight

    @property
    def claims(self) -> int:
        """How many claims were ever made, of those that can still be seen: it grows when a worker takes a job."""
        return self.in_flight + sum(
            self.counters.get(name, 0) for name in ("done", "dead", "retried", "expired", "postponed", "lost")
        )


class WorkloadStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What the page and the command know of a workload: written by the operator or by local mode."""

    namespace: str
    name: str
    list_name: str
    state: str
    message: str
    """One sentence that explains the state, with the remedy where there is one."""
    replicas: int
    max_replicas: int
    engine: str
    model: str | None
    queue: dict[str, int]
    """pending, inFlight, delayed, dead."""
    sampled_at: float
    """Unix seconds."""
    waking_since: float | None = None
    asleep_at: float | None = None
    """When the cooldown will be over if no job comes."""
    usual_wake_seconds: float | None = None
    """How long a start from zero usually takes, from the decision to the first claim; None where none was measured."""
    wakes: int = 0
    """How many starts it is the median of: the last, at most `samples.USUAL_STARTS`."""

    def at_work(self, stats: Stats) -> str:
        """Return what a workload at work does now: the queue's numbers are newer than this status."""
        return at_work(stats, replicas=self.replicas, most=self.max_replicas)


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """A workload as it was applied and what became of it, in Kubernetes' own form; what may be secret is hidden."""

    resource: dict[str, Any]
    """Without its status."""
    scaled_object: dict[str, Any] | None = None
    conditions: tuple[dict[str, Any], ...] = ()


def at_work(stats: Stats, *, replicas: int, most: int) -> str:
    """Return what a workload at work does, as a sentence."""
    return f"{stats.in_flight} running, {stats.pending} waiting, {replicas} of {most} workers."
