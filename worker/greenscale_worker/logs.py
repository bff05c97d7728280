"""One line an event: its name and its fields, as text or as JSON. Never a prompt, an answer or a key.

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

    def info(self, event: str, **fields: object) -> None:
        """Say what happened."""
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say what needs a look, though work goes on."""
        self._say("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Say what a person must mend."""
        self._say("error", event, fields)

    def flush(self) -> None:
        """Write what waits."""
        lines, self._unwritten = self._unwritten, []
        if lines:
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()

    def _say(self, level: str, event: str, fields: dict[str, object]) -> None:
        self._unwritten.append(self._line(self._when(), level, event, fields))
        if level != "info":
            self.flush()
        elif len(self._unwritten) == 1:
            asyncio.get_running_loop().call_later(WRITE_SECONDS, self.flush)

    def _when(self) -> str:
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        return f"{self._second_text}.{int(now % 1 * 1000):03d}Z"

    def _json(self, when: str, level: str, event: str, fields: dict[str, object]) -> str:
        # What is no plain value says itself what may be told: msgspec would write out an address, password and all.
        plain = {name: value if isinstance(value, int | float | None) else str(value) for name, value in fields.items()}
        line = {"time": when, "level": level, "event": event, "worker": self._worker, **plain}
        return msgspec.json.encode(line).decode()


def _text(when: str, level: str, event: str, fields: dict[str, object]) -> str:
    return " ".join([when, level, event, *(f"{name}={_shown(value)}" for name, value in fields.items())])


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or NEEDS_QUOTES.search(text) else text
