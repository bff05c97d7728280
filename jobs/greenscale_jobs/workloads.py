"""What is known of a workload: its queue's numbers, its status on the board, and the resource behind it.

Pure: no I/O, no clock.
"""

import enum
from typing import Any

import msgspec

STATUS_STALE_SECONDS = 30.0
"""Whoever runs a workload reports at least every twenty seconds: an older status says nothing about now."""


class WorkloadState(enum.StrEnum):
    """What a workload is doing, in one word."""

    SCALED_TO_ZERO = "ScaledToZero"
    """No worker runs, and none is needed."""
    WAKING = "Waking"
    """Jobs wait for a worker that is being started."""
    ACTIVE = "Active"
    """Workers have jobs, or are kept without any."""
    COOLING_DOWN = "CoolingDown"
    """No job is left, and more workers run than are kept."""
    SUSPENDED = "Suspended"
    """`spec.suspend`: jobs are accepted and wait."""
    DEGRADED = "Degraded"
    """A problem keeps jobs from being done and will not pass by itself."""


class Problem(msgspec.Struct, frozen=True):
    """Something that keeps a workload from working: a CamelCase reason and a sentence with the remedy."""

    reason: str
    message: str


class Kept(msgspec.Struct, frozen=True):
    """Workers that are kept without work: by a schedule until a time, or as the minimum."""

    replicas: int
    until: float | None = None
    """When the schedule ends, in Unix seconds; None for the minimum."""
    timezone: str = "UTC"
    """The schedule's, by its IANA name."""


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
    """A workload on the board: what was judged of it last, and the facts that its sentence is formed from.

    The hash `greenscale:workloads` is read by pages and commands of other versions during an upgrade. So a field is
    only ever added, with a default: a former reader ignores it. A former writer leaves `reason` empty: readers then
    take its `message` as it is. `state` is text, since a later writer may know a state that this version does not.
    """

    namespace: str
    name: str
    list_name: str
    state: str
    """A `WorkloadState`."""
    message: str
    """What `sentences.sentence` made of it when it was written; for readers of another version."""
    replicas: int
    """Workers that run or are to run; at zero, those that have not ended yet."""
    max_replicas: int
    engine: str
    model: str | None
    queue: dict[str, int]
    """pending, inFlight, delayed, dead."""
    sampled_at: float
    """Unix seconds; so are all times here."""
    waking_since: float | None = None
    asleep_at: float | None = None
    """When the cooldown will be over if no job comes."""
    usual_wake_seconds: float | None = None
    """How long a start from zero usually takes, from the decision to the first claim; None where none was measured."""
    wakes: int = 0
    """How many starts it is the median of: the last, at most `samples.USUAL_STARTS`."""
    reason: str = ""
    """Why this state, in CamelCase."""
    stage: str | None = None
    """What a worker that is being started does, as a clause."""
    ending: int = 0
    """Workers that still hold what they run on, though none is wanted."""
    ending_since: float | None = None
    kept: Kept | None = None
    """What is kept without work."""
    problem: Problem | None = None
    """What keeps jobs from being done; a suspended workload may have one, too."""


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """A workload as it was applied and what became of it, in Kubernetes' own form; what may be secret is hidden."""

    resource: dict[str, Any]
    """Without its status."""
    scaled_object: dict[str, Any] | None = None
    conditions: tuple[dict[str, Any], ...] = ()
