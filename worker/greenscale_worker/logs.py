"""The worker's log on stderr: one line an event. The observer writes it.

Written straight to stderr: the standard library's logging costs several times as much a line, and a short job has two.
What only informs is written a moment later, many lines at once, so that no job waits for it.
"""

import asyncio
import sys
import time
from functools import partial

from greenscale_jobs.log_lines import LogFormat, json_line, text_line, timestamp

WRITE_SECONDS = 0.005
"""How long a line that only informs may wait for others."""


class Log:
    """Writes events to stderr."""

    def __init__(self, log_format: LogFormat, *, worker: str) -> None:
        self._line = partial(json_line, common={"worker": worker}) if log_format == "json" else text_line
        self._unwritten: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        """Write what happened."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what a person should know, though work goes on."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what a person must repair."""
        self._write("error", event, fields)

    def write_now(self, level: str, event: str, **fields: object) -> None:
        """Write at once, from any thread."""
        sys.stderr.write(self._line(timestamp(time.time()), level, event, fields) + "\n")
        sys.stderr.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._unwritten = self._unwritten, []
        if lines:
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        self._unwritten.append(self._line(timestamp(time.time()), level, event, fields))
        if level != "info":
            self.flush()
        elif len(self._unwritten) == 1:
            asyncio.get_running_loop().call_later(WRITE_SECONDS, self.flush)
