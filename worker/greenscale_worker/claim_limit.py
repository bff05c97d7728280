"""How many jobs a worker may have in hand, by how its engine has answered: AIMD, as TCP does it.

Pure: the time is an argument, in seconds of a monotonic clock.
"""

from collections import OrderedDict

PROBE_SECONDS, PROBE_MAX_SECONDS = 5.0, 60.0
"""While the engine answers nothing, one job at a time tries it: at most this often, less often later."""

PROBE_SHARE = 12
"""A pause is at most this part of how long it has lasted already, beyond the first."""

FRESH_SECONDS = 3600.0
"""An engine that answered at most this long before an attempt began counts as working."""

FAILED_IN_A_ROW = 3
"""This many different jobs that fail with no answer in between are the engine's failure."""

MAX_DOUBTS = 10_000
"""Doubtful jobs that a worker remembers: the oldest is forgotten, and asked once more."""


class ClaimLimit:
    """What the last answers say about the engine, and how many jobs may be claimed."""

    def __init__(self, concurrency: int) -> None:
        self._ceiling = concurrency
        self._limit = float(concurrency)
        self._goal = float(concurrency)
        self._not_before = float("-inf")
        self._answers = 0
        self._answered_at = float("-inf")
        self._failing: set[str] = set()
        self._doubts: OrderedDict[str, tuple[str, int, int]] = OrderedDict()
        self._refused_at = float("-inf")
        self.trouble_since: float | None = None
        """Since when the engine answers nothing; None while it does."""

    @property
    def allowed(self) -> int:
        """How many jobs may be in hand."""
        return max(1, int(self._limit))

    def pause_seconds(self, now: float) -> float:
        """Return for how long nothing should be claimed; not positive if it may."""
        return self._not_before - now

    def answered(self, job_id: str, now: float, *, started_at: float) -> None:
        """Note that a job was answered, which was begun then."""
        self._answers += 1
        self._answered_at = now
        self.responded(job_id, started_at=started_at)

    def responded(self, job_id: str, *, started_at: float) -> None:
        """Note that the engine works: it answered a job, or refused it for its own sake."""
        self._doubts.pop(job_id, None)
        if started_at < self._refused_at:  # begun before the engine began to refuse, it says nothing about now
            return
        self._failing.clear()
        self.trouble_since, self._not_before = None, float("-inf")
        if self._limit < self._goal:
            self._limit = min(self._goal, self._limit * 2)
        elif self._limit < self._ceiling:
            self._limit = min(self._ceiling, self._limit + 1 / self._limit)

    def failed(self, job_id: str, *, started_at: float) -> bool:
        """Note that a job's attempt brought no answer; returns whether the engine works all the same."""
        self._failing.add(job_id)
        return started_at - self._answered_at < FRESH_SECONDS and len(self._failing) < FAILED_IN_A_ROW

    def doubted(self, job_id: str, reason: str) -> tuple[int, bool]:
        """Note a doubtful refusal; returns how many it makes, and whether another job was answered after the first.

        One for another reason is a first one again. While several jobs in a row get no answer, none vouches for the
        engine.
        """
        before, refusals, answers = self._doubts.pop(job_id, (reason, 0, self._answers))
        if before != reason:
            answers = self._answers
        self._doubts[job_id] = reason, refusals + 1, answers
        if len(self._doubts) > MAX_DOUBTS:
            self._doubts.popitem(last=False)
        return refusals + 1, self._answers > answers and len(self._failing) < FAILED_IN_A_ROW

    def troubled(
        self,
        now: float,
        *,
        says_so: bool = True,
        retry_after_seconds: float | None = None,
        overloaded: bool = False,
    ) -> bool:
        """Note that the engine takes no jobs now. Returns whether that is news, not one of several at once.

        `says_so`: the engine itself; otherwise it is a guess, which any answer refutes. Until it answers again one job
        at a time tries it. Then the former limit returns by doubling, or where it was `overloaded` half of that, and
        beyond it slowly.
        """
        pause = retry_after_seconds or 0.0
        if says_so:
            self._refused_at = now
        if self.pause_seconds(now) > 0:
            self._not_before = max(self._not_before, now + pause)
            return False
        if self.trouble_since is None:
            self.trouble_since = now
            former = max(self._limit, self._goal)
            self._goal = max(1.0, former / 2) if overloaded else former
        self._limit = 1.0
        lasting = (now - self.trouble_since) / PROBE_SHARE
        self._not_before = now + max(pause, min(PROBE_MAX_SECONDS, max(PROBE_SECONDS, lasting)))
        return True
