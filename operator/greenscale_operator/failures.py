"""What a status says of an exception: a reconciliation that failed must not leave an old or an empty status.

Pure.
"""

from greenscale_operator.errors import Lasting, Passing, Unavailable
from greenscale_operator.look import Look
from greenscale_operator.observed import Fault, timestamp
from greenscale_operator.shown import shown

LASTING_AFTER = 3
"""So many times the same answer is no passing trouble."""

MAX_WORDS = 300

AGAIN = "It is tried again within 60 s."


def note_failure(look: Look, error: Exception) -> None:
    """Write down what kept this look from its end."""
    if not isinstance(error, Passing):
        look.failure = look.memory.failure = failure_of(error)
        return
    times, since = look.memory.note_trouble(str(error), now=look.now)
    if isinstance(error, Unavailable) and error.is_answered and times >= LASTING_AFTER:
        look.failure = Fault("Rejected", f"{error} This is the answer since {timestamp(since)}. {AGAIN}")
    elif look.memory.made_generation != look.generation:
        look.pending = Fault("Progressing", f"{error} {AGAIN}")


def failure_of(error: Exception) -> Fault:
    """Return the fault that an exception is; of one that is not about the cluster only what can hold no secret."""
    if isinstance(error, Lasting):
        return Fault(error.reason, f"{error} {AGAIN}")
    words = shown(" ".join(str(error).split())[:MAX_WORDS])
    return Fault("InternalError", f"The operator failed: {type(error).__name__}: {words}. Its log has more. {AGAIN}")
