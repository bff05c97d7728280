"""One job while a worker holds it."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

from greenscale_jobs import Claim, Finished, InvalidItem, NewerItem, Outcome
from greenscale_worker.errors import AttemptFailed, EngineError, JobRejected, kind_and_place
from greenscale_worker.runner import Answer
from greenscale_worker.versions import newer_version


class Interruption(Enum):
    """Why a worker stopped the engine in the middle of a job."""

    CANCELLED = auto()
    """Somebody cancelled the job."""
    LOST = auto()
    """The lease ran out and the job is another worker's now."""
    RELEASED = auto()
    """The worker ends before the job could."""
    TIME_LIMIT = auto()
    """The job took longer than `queue.jobTimeoutSeconds`."""


class Running:
    """A claimed job, the task that asks the engine, and what has been answered so far."""

    def __init__(self, claim: Claim, *, on_piece: Callable[[int], None]) -> None:
        self.claim = claim
        self.task: asyncio.Task[Answer] | None = None
        self.interruption: Interruption | None = None
        self.started_at = time.monotonic()
        self._first_token_at: float | None = None
        self._pieces: list[str] = []
        self.answer_bytes = 0
        """How much of the answer has come."""
        self._on_piece = on_piece

    @property
    def key(self) -> tuple[str, str]:
        """What distinguishes this claim from a later one of the same job."""
        return self.claim.id, self.claim.token

    @property
    def ended(self) -> bool:
        """Whether its attempt has ended, with an answer or without."""
        return self.task is not None and self.task.done()

    @property
    def seconds(self) -> float:
        """How long the worker has held it."""
        return time.monotonic() - self.started_at

    def emit(self, piece: str) -> None:
        """Take a piece of the answer from the engine."""
        if self._first_token_at is None:
            self._first_token_at = time.time()
        self._pieces.append(piece)
        size = len(piece) if piece.isascii() else len(piece.encode(errors="replace"))
        self.answer_bytes += size
        self._on_piece(size)

    def take_unseen(self) -> str:
        """Return what the engine wrote since this was asked last."""
        text, self._pieces = "".join(self._pieces), []
        return text

    def interrupt(self, why: Interruption) -> bool:
        """Stop the engine; the first reason counts. Returns whether this was it."""
        if self.task is None or self.task.done() or self.interruption is not None:
            return False
        self.interruption = why
        return self.task.cancel()

    @property
    def finished_well(self) -> bool:
        """Whether there is a result to store."""
        return self.ended and self.task is not None and not self.task.cancelled() and not self.task.exception()

    def finished(self) -> Finished:
        """Return the result to store; only for a job that `finished_well`."""
        answer = cast("asyncio.Task[Answer]", self.task).result()
        outcome = Outcome(answer.model, answer.usage, answer.finish_reason, self._first_token_at)
        return Finished(self.claim, answer.text, outcome, self.take_unseen())

    def failure(self, *, job_timeout_seconds: float) -> EngineError:
        """Return why there is no result; only for a job that ended so and was not taken from us."""
        if self.interruption is Interruption.TIME_LIMIT:
            return AttemptFailed(
                "TimeLimit",
                f"no answer within {job_timeout_seconds:g} s (queue.jobTimeoutSeconds); raise it, "
                "or ask for less (parameters.maxTokens)",
            )
        error = self.task.exception() if self.task and not self.task.cancelled() else None
        if isinstance(error, NewerItem):
            return newer_version(error)
        if isinstance(error, InvalidItem):
            return JobRejected("InvalidItem", str(error))
        if isinstance(error, EngineError):
            return error
        what = kind_and_place(error) if error else "it stopped by itself"
        return AttemptFailed("EngineFailed", f"the engine failed unexpectedly ({what})")
