"""Waiting for what sends no event."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable


def until(holds: Callable[[], bool], *, seconds: float, every: float = 0.05) -> None:
    """Ask again and again; raises TimeoutError when it does not hold after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain")
        time.sleep(every)


def answers(url: str) -> bool:
    """Return whether a server answers there, if only with an error."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
