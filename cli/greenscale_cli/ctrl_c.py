"""Ctrl-C while something is on its way to Redis."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def ctrl_c_later() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C wait for the end of the block, or until what it gives is called: nobody has to guess what is done.

    Raises:
        KeyboardInterrupt: It was pressed meanwhile.
    """
    pressed: list[int] = []

    def heed() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, before)
    heed()
