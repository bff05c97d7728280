"""The outcomes of an attempt that brought no answer, by what is at fault: one class each.

`outcomes` decides which one it is, `retry` what happens to the job. A message names what failed and the remedy; never a
prompt, a key or the body of a response, which may repeat both.
"""


def kind_and_place(error: BaseException) -> str:
    """Return all that may be shown of an unexpected error: its text may contain the prompt."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    where = f" in {frame.tb_frame.f_code.co_qualname}, line {frame.tb_lineno}" if frame else ""
    return f"{type(error).__name__}{where}"


class EngineError(Exception):
    """An attempt failed. `reason` is one CamelCase word, `message` a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class JobRejected(EngineError):
    """Refused for good, and the job is at fault: the same request can never succeed."""


class NewerVersion(EngineError):
    """The engine was not asked: a newer version wrote the job, and only a worker of that version can read it."""


class Doubtful(EngineError):
    """Refused, and either the job or the configuration is at fault: the outcomes of other jobs show which."""


class AttemptFailed(EngineError):
    """A broken or empty answer, a server error, a time limit: the same request may succeed."""


class EngineInTrouble(EngineError):
    """The engine takes no jobs now: unreachable, overloaded, at its rate limit. No job is at fault.

    `retry_after_seconds`: how long it asked us to wait; None where it did not. `overloaded`: it can be
    reached, but not take so many jobs at once.
    """

    def __init__(
        self, reason: str, message: str, *, retry_after_seconds: float | None = None, overloaded: bool = False
    ) -> None:
        super().__init__(reason, message)
        self.retry_after_seconds = retry_after_seconds
        self.overloaded = overloaded


class EngineMisconfigured(EngineError):
    """Every job would be refused: an address, a key, a right, a model or money is missing. No job is at fault."""


class CredentialsRefused(Exception):
    """The engine or Redis refuses what this worker was started with, and a restart may bring something else."""


class EngineLost(EngineError):
    """The connection broke with the request in hand: the engine may have died of this job, or of another."""
