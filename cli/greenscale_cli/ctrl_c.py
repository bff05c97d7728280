"""Delays Ctrl-C while a request to Redis is in progress."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def ctrl_c_later() -> Iterator[Callable[[], None]]:
    """Delay Ctrl-C until the block ends, or until the yielded function is called: then it is known what was done.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed meanwhile.
    """
    pressed: list[int] = []

    def raise_if_pressed() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield raise_if_pressed
    finally:
        signal.signal(signal.SIGINT, before)
    raise_if_pressed()
