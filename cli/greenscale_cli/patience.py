"""Rides out an outage of Redis while a command waits for jobs: reports it once, retries, and gives up in the end."""

import time
from collections.abc import Callable
from typing import TypeVar

from greenscale_cli.exits import tell
from greenscale_jobs import QueueUnavailable
from greenscale_jobs.durations import duration

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""Long enough for a Redis that moves to another node or loads a large file."""

RETRY_SECONDS = 0.5
"""The pause between two tries."""


class Patience:
    """Asks Redis on behalf of a command that waits for `what`; `show` draws how long Redis has been unavailable."""

    def __init__(self, what: str, *, show: Callable[[str], None]) -> None:
        self._what = what
        self._show = show

    def ask(self, question: Callable[[], T]) -> T:
        """Return Redis' answer, if necessary after an outage.

        Raises:
            QueueUnavailable: Redis has been unavailable for too long.
        """
        try:
            return question()
        except QueueUnavailable as error:
            return self._ask_again(question, error)

    def _ask_again(self, question: Callable[[], T], error: QueueUnavailable) -> T:
        since = time.monotonic()
        tell(f"{error} Still waiting for {self._what}, for at most {duration(PATIENCE_SECONDS)}")
        while (outage := time.monotonic() - since) < PATIENCE_SECONDS:
            self._show(f"Redis has been unavailable for {duration(outage)}")
            time.sleep(RETRY_SECONDS)
            try:
                answer = question()
            except QueueUnavailable as newer:
                error = newer
            else:
                tell(f"Redis is back after {duration(time.monotonic() - since)}")
                return answer
        raise QueueUnavailable(f"{error} Gave up after {duration(outage)}.")
