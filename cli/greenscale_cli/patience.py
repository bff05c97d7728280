"""A Redis that goes away while somebody waits for jobs: said once, asked again, and given up in the end."""

import time
from collections.abc import Callable
from typing import TypeVar

from greenscale_cli.exits import tell
from greenscale_cli.formatting import duration
from greenscale_jobs import QueueUnavailable

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""A Redis that is moved to another node, or that loads a large file, is back by then."""

AGAIN_SECONDS = 0.5
"""How soon a Redis that is away is asked again."""


class Patience:
    """Asks Redis for somebody who waits for `what`; `show` draws how long it has been away."""

    def __init__(self, what: str, *, show: Callable[[str], None]) -> None:
        self._what = what
        self._show = show

    def ask(self, question: Callable[[], T]) -> T:
        """Return what Redis answers, be it after an outage.

        Raises:
            QueueUnavailable: It has been away for too long.
        """
        try:
            return question()
        except QueueUnavailable as error:
            return self._ask_again(question, error)

    def _ask_again(self, question: Callable[[], T], error: QueueUnavailable) -> T:
        since = time.monotonic()
        tell(f"{error} Still waiting for {self._what}, for at most {duration(PATIENCE_SECONDS)}")
        while (away := time.monotonic() - since) < PATIENCE_SECONDS:
            self._show(f"Redis is away for {duration(away)}")
            time.sleep(AGAIN_SECONDS)
            try:
                answer = question()
            except QueueUnavailable as again:
                error = again
            else:
                tell(f"Redis is back after {duration(time.monotonic() - since)}")
                return answer
        raise QueueUnavailable(f"{error} Given up after {duration(away)}.")
