"""What a status says of an exception: a reconciliation that failed must not leave an old or an empty status.

Pure.
"""

from greenscale_jobs.workloads import Problem
from greenscale_operator.errors import Lasting, Passing, Unavailable
from greenscale_operator.facts import timestamp
from greenscale_operator.memory import Memory
from greenscale_operator.reconciliation import Failure
from greenscale_operator.redaction import redact

LASTING_AFTER = 3
"""So many times the same answer is no passing trouble."""

MAX_WORDS = 300

AGAIN = "It is tried again within 60 s."


def note_failure(error: Exception, memory: Memory, *, generation: int, now: float) -> Failure:
    """Return what an exception that ended a reconciliation of this generation means, and remember it."""
    if not isinstance(error, Passing):
        memory.failure = failure_of(error)
        return Failure(failure=memory.failure)
    times, since = memory.note_trouble(str(error), now=now)
    failure = memory.failure
    pending = None
    if isinstance(error, Unavailable) and error.is_answered and times >= LASTING_AFTER:
        failure = Problem("Rejected", f"{error} This is the answer since {timestamp(since)}. {AGAIN}")
    elif memory.made_generation != generation:
        pending = Problem("Progressing", f"{error} {AGAIN}")
    return Failure(failure=failure, pending=pending)


def failure_of(error: Exception) -> Problem:
    """Return the problem that an exception is; of one that is not about the cluster only what can hold no secret."""
    if isinstance(error, Lasting):
        return Problem(error.reason, f"{error} {AGAIN}")
    words = redact(" ".join(str(error).split())[:MAX_WORDS])
    return Problem("InternalError", f"The operator failed: {type(error).__name__}: {words}. Its log has more. {AGAIN}")
