"""Where something may be drawn over what was drawn before."""

import os
from typing import TextIO


def is_screen(stream: TextIO) -> bool:
    """Return whether a person looks at this stream, on a terminal that can move its cursor.

    Rich would also draw where FORCE_COLOR is set, which asks for colours in a file and not for bars.
    """
    return stream.isatty() and os.environ.get("TERM") != "dumb"
