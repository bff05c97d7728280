"""Whether a stream is a terminal that can be redrawn."""

import os
from typing import TextIO


def is_screen(stream: TextIO) -> bool:
    """Return whether this stream is a terminal that can move its cursor.

    Rich would also draw if FORCE_COLOR is set, which asks for colours in a file, not for bars.
    """
    return stream.isatty() and os.environ.get("TERM") != "dumb"
