"""How long a job waits before it is tried again. Pure."""

import msgspec

DOUBT_FIRST_SECONDS, DOUBT_MAX_SECONDS = 5.0, 60.0
"""A doubtful job is tried again after growing pauses, so that others can be answered meanwhile."""


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before attempt 2, 3, ...: between 0 and `initial * 2^n`, at most `max_seconds`."""

    initial_seconds: float
    max_seconds: float

    def delay(self, attempt: int, *, jitter: float) -> float:
        """Return the seconds after failed attempt number `attempt` (from 1); `jitter` is in 0..1.

        Full jitter: a crowd of jobs that failed together does not come back together.
        """
        return jitter * min(self.max_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 30))


def doubt_delay(refusals: int, *, jitter: float) -> float:
    """Return the seconds after doubtful refusal number `refusals` (from 1); `jitter` is in 0..1."""
    pause = DOUBT_FIRST_SECONDS * 2.0 ** min(refusals - 1, 10)
    return min(DOUBT_MAX_SECONDS, pause) * (0.5 + jitter / 2)
