"""What the operator remembers of a workload between two reconciliations; all of it may be lost with the process."""

import dataclasses

from greenscale_jobs import Stats
from greenscale_jobs.wakes import WakeTracker
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler, Workers

STUCK_SECONDS = 15.0
"""The scaler reports that it cannot reach Redis while we can: after this long it is nudged."""

NUDGE_SECONDS = 60.0
"""And not more often than this."""


@dataclasses.dataclass
class Memory:
    """What is remembered of one workload; times are Unix seconds."""

    wakes: WakeTracker = dataclasses.field(default_factory=WakeTracker)
    stuck_since: float | None = None
    nudged_at: float = 0.0
    unscaled_since: float | None = None
    """Since when jobs have been waiting while no worker was wanted."""
    unclaimed_since: float | None = None
    """Since when jobs have been waiting while ready workers had room and claimed none."""
    counted: tuple[int, int] = (0, 0)
    """Claims and cancelled jobs at that time."""
    short_since: float | None = None
    """Since when fewer workers were ready than wanted."""
    pods_troubled: bool = False
    """Whether the pods had a problem when they were last examined: it is over when another examination finds none."""
    made_generation: int | None = None
    """The generation whose objects are made, or refused."""
    trouble: tuple[str, int, float] | None = None
    """What the API server answered instead of doing what was asked, how often in a row, and since when."""
    failure: Problem | None = None
    """What the operator failed at the last time."""

    @property
    def waking_since(self) -> float | None:
        """When the start from zero began that goes on."""
        return self.wakes.waking_since

    def note_waiting(self, workers: Workers, stats: Stats | None, *, suspended: bool, now: float) -> None:
        """Take note of jobs that wait though they need not."""
        self.short_since = (self.short_since or now) if workers.ready < workers.replicas else None
        waits = stats is not None and stats.pending > 0 and not suspended
        self.unscaled_since = (self.unscaled_since or now) if waits and not workers.replicas else None
        # A worker that has a job in hand may be at its limit: an engine in trouble gets one at a time.
        if stats is None or not waits or stats.in_flight >= workers.ready:
            self.unclaimed_since = None
            return
        counted = stats.claims, stats.counters.get("cancelled", 0)
        if self.unclaimed_since is None or counted != self.counted:
            self.unclaimed_since, self.counted = now, counted

    def note_trouble(self, answer: str, *, now: float) -> tuple[int, float]:
        """Take note of an answer; returns how often in a row it came, and since when."""
        before = self.trouble if self.trouble and self.trouble[0] == answer else (answer, 0, now)
        self.trouble = (answer, before[1] + 1, before[2])
        return self.trouble[1:]

    def should_nudge(self, scaler: Scaler | None, *, redis_answers: bool, now: float) -> bool:
        """Return whether the scaler should be made to try again: its own next try may be many minutes away."""
        stuck = scaler is not None and scaler.lost_queue and redis_answers
        if not stuck:
            self.stuck_since = None
            return False
        self.stuck_since = self.stuck_since or now
        return now - self.stuck_since >= STUCK_SECONDS and now - self.nudged_at >= NUDGE_SECONDS
