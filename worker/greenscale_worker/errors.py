"""How an engine fails, by what becomes of the job.

A message names what failed and the remedy; never a prompt, a key or the body of a response, which may repeat both.
"""


class EngineError(Exception):
    """An attempt failed. `reason` is one CamelCase word, `message` a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class JobRejected(EngineError):
    """The job itself is at fault: the same request can never succeed."""


class EngineUnavailable(EngineError):
    """The same request may succeed later, after `retry_after_seconds` where the engine said so."""

    def __init__(self, reason: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after_seconds = retry_after_seconds


class EngineMisconfigured(EngineError):
    """Every job would be refused: a key, a right or a model is missing. It costs a job no attempt."""
