"""What becomes of a job whose attempt brought no answer, and whether the attempt counts.

Pure: no I/O, no clock, no randomness of its own. `outcomes` says what the engine did, `backoff` how long to wait.
"""

import msgspec

from greenscale_worker.backoff import NEWER_VERSION_SECONDS, Backoff, doubt_delay
from greenscale_worker.errors import AttemptFailed, Doubtful, EngineError, EngineLost, JobRejected, NewerVersion


class Retry(msgspec.Struct, frozen=True):
    """Try again after `delay_seconds`; the attempt counts."""

    delay_seconds: float


class GiveUp(msgspec.Struct, frozen=True):
    """Never try again: it is buried."""


class Postpone(msgspec.Struct, frozen=True):
    """Try again once the engine may be asked again; the attempt costs nothing.

    A job that may be at fault itself comes `behind` the others: else it might be the only one that tries the engine.
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


NextStep = Retry | GiveUp | Postpone | Doubt | Leave | Lost


class Evidence(msgspec.Struct, frozen=True):
    """What this worker knows of its engine and of this job."""

    engine_works: bool
    """Whether the engine answers other jobs, so that a failure is the job's."""
    refusals: int = 0
    """How often this worker has had this job refused doubtfully, this time included."""
    vouched: bool = False
    """Whether another job was done by this worker after it had this one refused."""


def next_step(
    error: EngineError, *, attempt: int, max_attempts: int, backoff: Backoff, evidence: Evidence, jitter: float
) -> NextStep:
    """Return what to do after `error` ended attempt number `attempt` (from 1). `jitter` is in 0..1."""
    match error:
        case JobRejected():
            return GiveUp()
        case NewerVersion():
            return Leave(NEWER_VERSION_SECONDS)
        case Doubtful() if evidence.vouched:
            return GiveUp()
        case Doubtful():
            return Doubt(doubt_delay(evidence.refusals, jitter=jitter))
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
