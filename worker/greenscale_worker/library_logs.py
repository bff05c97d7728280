"""What libraries log, in the same stream and form as the worker's own events, and without what they must not show.

A library may put anything into a message: an address with its key, a request with its prompt. So only numbers are
filled in; of an exception its kind and its place are kept, and no traceback.
"""

import logging
import re
from collections.abc import Collection, Mapping
from typing import Any

from greenscale_worker.errors import kind_and_place
from greenscale_worker.observe import Observer

MAX_MESSAGE_CHARS = 200

HIDDEN = "..."

DATA = re.compile(r":\s.*|\s*['\"].*|\s*\S+://.*|(?<=\w)[=(<\[{].*")
"""Where the data begins in a message that is already put together, as far as its punctuation shows."""


class LibraryLogs(logging.Handler):
    """Passes warnings and errors of all libraries to the observer. `secrets` are in no message."""

    def __init__(self, observer: Observer, *, secrets: Collection[str]) -> None:
        super().__init__(logging.WARNING)
        self._observer = observer
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        error = record.exc_info[1] if record.exc_info else None
        self._observer.library_log(
            "error" if record.levelno >= logging.ERROR else "warning",
            library=record.name,
            message=harmless(record.msg, record.args, secrets=self._secrets),
            error=kind_and_place(error) if error else None,
        )


def harmless(message: object, arguments: Any, *, secrets: Collection[str]) -> str:
    """Return what of a log record may be shown: its first line, with numbers filled in and other data left out."""
    if not isinstance(message, str):
        return type(message).__name__
    text = _filled_in(message, arguments) if arguments else DATA.sub(" " + HIDDEN, message.partition("\n")[0])
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text.partition("\n")[0][:MAX_MESSAGE_CHARS].strip()


def _filled_in(template: str, arguments: Any) -> str:
    try:
        if isinstance(arguments, Mapping):
            return template % {name: _plain(value) for name, value in arguments.items()}
        return template % tuple(_plain(value) for value in arguments)
    except (TypeError, ValueError, KeyError):
        return template


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | None) else HIDDEN
