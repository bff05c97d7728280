"""The operator's log on stderr: a line for each event, its name and its fields, as text or as JSON.

The standard library's logging carries it: kopf, kubernetes and asyncio write there, and their lines have the same form.
"""

import json
import logging
import re
import sys
import time
from typing import Literal

import msgspec

LogFormat = Literal["text", "json"]

NEEDS_QUOTES = re.compile(r'[\s"]')
"""What would make a value look like more than one word."""


def fields(**values: object) -> dict[str, object]:
    """Return the fields of an event: `logger.info("leading", extra=fields(identity=...))`."""
    return {"fields": values}


def configure(level: str, log_format: LogFormat) -> None:
    """Have everything that this process logs, its libraries and Python's warnings included, written in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter(log_format))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


class EventFormatter(logging.Formatter):
    """Writes `time level event key=value`, or the same as JSON."""

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__()
        self._line = _json if log_format == "json" else _text

    def format(self, record: logging.LogRecord) -> str:
        """Return one record's line. A library's is an event of the library's name, with what it says as a field."""
        own: dict[str, object] | None = getattr(record, "fields", None)
        event, values = record.getMessage(), own
        if values is None:
            event, values = record.name.partition(".")[0], {"message": record.getMessage()}
        if record.exc_info:
            values = {**values, "traceback": self.formatException(record.exc_info)}
        return self._line(_time(record.created), record.levelname.lower(), event, values)


def _time(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"


def _json(when: str, level: str, event: str, values: dict[str, object]) -> str:
    # What is no plain value says itself what may be shown: msgspec would write out an address, password and all.
    plain = {name: value if isinstance(value, int | float | None) else str(value) for name, value in values.items()}
    return msgspec.json.encode({"time": when, "level": level, "event": event, **plain}).decode()


def _text(when: str, level: str, event: str, values: dict[str, object]) -> str:
    """Return a line; a traceback follows it, for whoever reads it."""
    named = {name: value for name, value in values.items() if name != "traceback"}
    line = " ".join([when, level, event, *(f"{name}={_quoted(value)}" for name, value in named.items())])
    return f"{line}\n{values['traceback']}" if "traceback" in values else line


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or NEEDS_QUOTES.search(text) else text
