"""What becomes of a job whose attempt failed.

Pure: no I/O, no clock, no randomness of its own.
"""

import msgspec

from greenscale_worker.errors import EngineError, EngineInTrouble, EngineMisconfigured, JobRejected


class Retry(msgspec.Struct, frozen=True):
    """Try again after `delay_seconds`; the attempt counts."""

    delay_seconds: float


class GiveUp(msgspec.Struct, frozen=True):
    """Never try again: it goes to the dead."""


class Release(msgspec.Struct, frozen=True):
    """Hand it back uncounted: the engine is at fault, not the job."""


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before attempt 2, 3, ...: between 0 and `initial * 2^n`, at most `longest` seconds."""

    initial_seconds: float
    longest_seconds: float

    def delay(self, attempt: int, *, jitter: float) -> float:
        """Return the seconds after failed attempt number `attempt` (from 1); `jitter` is in 0..1.

        Full jitter: a crowd of jobs that failed together does not come back together.
        """
        return jitter * min(self.longest_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 30))


def decide(
    error: EngineError, *, attempt: int, max_attempts: int, backoff: Backoff, jitter: float
) -> Retry | GiveUp | Release:
    """Return what to do after `error` ended attempt number `attempt` (from 1)."""
    match error:
        case EngineMisconfigured():
            return Release()
        case JobRejected():
            return GiveUp()
        case _ if attempt >= max_attempts:
            return GiveUp()
        case EngineInTrouble(retry_after_seconds=float() | int() as told):
            return Retry(told + backoff.delay(attempt, jitter=jitter) / 10)
        case _:
            return Retry(backoff.delay(attempt, jitter=jitter))
