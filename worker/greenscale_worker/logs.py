"""One line an event: its name and its fields, as text or as JSON. Never a prompt, an answer or a key."""

import datetime as dt
import json
import logging
import sys
from typing import Literal


class Log:
    """Writes events to stderr."""

    def __init__(self, log_format: Literal["text", "json"], *, worker: str) -> None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Formatter(worker) if log_format == "json" else _TextFormatter())
        self._logger = logging.getLogger("greenscale.worker")
        self._logger.handlers = [handler]
        self._logger.propagate = False
        self._logger.setLevel(logging.INFO)

    def info(self, event: str, **fields: object) -> None:
        """Say what happened."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        """Say what needs a look, though work goes on."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: object) -> None:
        """Say what a person must mend."""
        self._logger.error(event, extra={"fields": fields})


def _when(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


class _Formatter(logging.Formatter):
    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _when(record), "level": record.levelname, "event": record.getMessage()}
        return json.dumps({**line, "worker": self._worker, **_fields(record)}, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words = [_when(record), record.levelname.lower(), record.getMessage()]
        words += [f"{name}={_shown(value)}" for name, value in _fields(record).items()]
        return " ".join(words)


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(char.isspace() or char == '"' for char in text) else text
