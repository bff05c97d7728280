"""The operator's log on stderr: a line for each event, its name and its fields, as text or as JSON.

The standard library's logging carries it: kopf, kubernetes and asyncio write there, and their lines have the same form.
"""

import logging
import sys
from collections.abc import Mapping

from greenscale_jobs.log_lines import LogFormat, json_line, text_line, timestamp


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
        self._line = json_line if log_format == "json" else _text

    def format(self, record: logging.LogRecord) -> str:
        """Return one record's line. A library's is an event of the library's name, with what it says as a field."""
        own: dict[str, object] | None = getattr(record, "fields", None)
        event, values = record.getMessage(), own
        if values is None:
            event, values = record.name.partition(".")[0], {"message": record.getMessage()}
        if record.exc_info:
            values = {**values, "traceback": self.formatException(record.exc_info)}
        return self._line(timestamp(record.created), record.levelname.lower(), event, values)


def _text(when: str, level: str, event: str, values: Mapping[str, object]) -> str:
    """Return a line; a traceback follows it, for whoever reads it."""
    line = text_line(when, level, event, {name: value for name, value in values.items() if name != "traceback"})
    return f"{line}\n{values['traceback']}" if "traceback" in values else line
