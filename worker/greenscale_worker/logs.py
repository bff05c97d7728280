"""One line an event: its name and its fields, as text or as JSON. The observer writes it.

Written straight to stderr: the standard library's logging costs several times as much a line, and a short job has two.
What only informs is written a moment later, many lines at once, so that no job waits for it.
"""

import asyncio
import json
import re
import sys
import time
from typing import Literal

import msgspec

NEEDS_QUOTES = re.compile(r'[\s"]')
"""What would make a value look like more than one word."""

WRITE_SECONDS = 0.005
"""How long a line that only informs may wait for others."""


class Log:
    """Writes events to stderr."""

    def __init__(self, log_format: Literal["text", "json"], *, worker: str) -> None:
        self._worker = worker
        self._line = self._json if log_format == "json" else _text
        self._unwritten: list[str] = []
        self._second, self._second_text = 0, ""
        self._millisecond, self._millisecond_text = 0, ""

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
        sys.stderr.write(self._line(self._time(), level, event, fields) + "\n")
        sys.stderr.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._unwritten = self._unwritten, []
        if lines:
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        self._unwritten.append(self._line(self._time(), level, event, fields))
        if level != "info":
            self.flush()
        elif len(self._unwritten) == 1:
            asyncio.get_running_loop().call_later(WRITE_SECONDS, self.flush)

    def _time(self) -> str:
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:  # of a thousand jobs a second several share one
            self._millisecond, second = millisecond, millisecond // 1000
            if second != self._second:
                self._second, self._second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._millisecond_text = f"{self._second_text}.{millisecond % 1000:03d}Z"
        return self._millisecond_text

    def _json(self, when: str, level: str, event: str, fields: dict[str, object]) -> str:
        # Other values have a text without secrets: msgspec would write out an address with its password.
        plain = {name: value if isinstance(value, int | float | None) else str(value) for name, value in fields.items()}
        line = {"time": when, "level": level, "event": event, "worker": self._worker, **plain}
        return msgspec.json.encode(line).decode()


def _text(when: str, level: str, event: str, fields: dict[str, object]) -> str:
    line = f"{when} {level} {event}"
    for name, value in fields.items():
        text = str(value)
        line += f" {name}={json.dumps(text) if not text or NEEDS_QUOTES.search(text) else text}"
    return line
