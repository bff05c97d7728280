"""What becomes of a job whose attempt brought no answer, and whether it pays for it.

Pure: no I/O, no clock, no randomness of its own.
"""

import msgspec

from greenscale_worker.errors import AttemptFailed, Doubtful, EngineError, EngineLost, JobRejected, NewerVersion


class Retry(msgspec.Struct, frozen=True):
    """Try again after `delay_seconds`; the attempt counts."""

    delay_seconds: float


class GiveUp(msgspec.Struct, frozen=True):
    """Never try again: it goes to the dead."""


class Postpone(msgspec.Struct, frozen=True):
    """Try again once the engine may be asked again; the attempt costs nothing.

    A job that may be at fault itself comes `behind` the others, lest it is the only one that finds out.
    """

    behind: bool = False


class Doubt(msgspec.Struct, frozen=True):
    """Try again behind the others, after `delay_seconds`; the attempt costs nothing."""

    delay_seconds: float


class Leave(msgspec.Struct, frozen=True):
    """Leave it to a worker of a newer version: it is due again after `delay_seconds`, as often as it takes."""

    delay_seconds: float


class Lost(msgspec.Struct, frozen=True):
    """Hand it back, marked: the engine was lost with it in hand."""


Verdict = Retry | GiveUp | Postpone | Doubt | Leave | Lost

NEWER_VERSION_SECONDS = 10.0
"""How soon a job of a newer version is claimed again: by then a worker of that version may be there."""

DOUBT_FIRST_SECONDS, DOUBT_MAX_SECONDS = 5.0, 60.0
"""A doubtful job is asked again after growing pauses, so that others can be answered meanwhile."""


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before attempt 2, 3, ...: between 0 and `initial * 2^n`, at most `longest` seconds."""

    initial_seconds: float
    longest_seconds: float

    def delay(self, attempt: int, *, jitter: float) -> float:
        """Return the seconds after failed attempt number `attempt` (from 1); `jitter` is in 0..1.

        Full jitter: a crowd of jobs that failed together does not come back together.
        """
        return jitter * min(self.longest_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, 30))


class Evidence(msgspec.Struct, frozen=True):
    """What this worker knows of its engine and of this job."""

    engine_works: bool
    """Whether the engine answers other jobs, so that a failure is the job's."""
    refusals: int = 0
    """How often this worker has had this job refused doubtfully, this time included."""
    vouched: bool = False
    """Whether another job was done by this worker after it had this one refused."""


def decide(
    error: EngineError, *, attempt: int, max_attempts: int, backoff: Backoff, evidence: Evidence, jitter: float
) -> Verdict:
    """Return what to do after `error` ended attempt number `attempt` (from 1). `jitter` is in 0..1."""
    match error:
        case JobRejected():
            return GiveUp()
        case NewerVersion():
            return Leave(NEWER_VERSION_SECONDS)
        case Doubtful() if evidence.vouched:
            return GiveUp()
        case Doubtful():
            pause = DOUBT_FIRST_SECONDS * 2.0 ** min(evidence.refusals - 1, 10)
            return Doubt(min(DOUBT_MAX_SECONDS, pause) * (0.5 + jitter / 2))
        case EngineLost():
            return Lost()
        case AttemptFailed() if evidence.engine_works:
            return GiveUp() if attempt >= max_attempts else Retry(backoff.delay(attempt, jitter=jitter))
        case AttemptFailed():
            return Postpone(behind=True)
        case _:
            return Postpone()


def blames_engine(error: EngineError, *, evidence: Evidence) -> bool:
    """Return whether `error` says that other jobs should not be claimed as before."""
    match error:
        case JobRejected() | NewerVersion():
            return False
        case Doubtful() | EngineLost() | AttemptFailed():
            return not evidence.engine_works
        case _:
            return True
