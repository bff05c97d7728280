"""Server-sent events from bytes, with a limit on a line. Pure.

Lenient where servers differ: a byte order mark, line ends of every kind, events without a blank line between,
JSON without `data:` before it, data over several lines.
"""

from typing import Literal

import msgspec

MAX_LINE_BYTES = 1024 * 1024
"""One line, or the data of one event: far more than a piece of an answer takes."""

LINE_COST_BYTES = 64
"""What Python takes for a line beside its bytes: many short lines must not take more than one long one."""

DONE = b"[DONE]"


class TooLarge(Exception):
    """A line does not end."""


class Event(msgspec.Struct, frozen=True):
    """The data of one event; `error` where the server calls it one."""

    kind: Literal["data", "error"]
    data: bytes


class Events:
    """Takes bytes and gives the events that they complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._begun = False
        self._data: list[bytes] = []
        self._size = 0
        self._is_error = False

    def feed(self, data: bytes) -> list[Event]:
        """Return the events whose end has come. Raises TooLarge."""
        rest = self._rest
        rest += data
        end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1))  # a last \r may be half of a \r\n
        if end < 0:
            if len(rest) > MAX_LINE_BYTES:
                raise TooLarge
            return []
        whole = len(rest) - len(data) + end + 1
        lines = bytes(rest[:whole]).splitlines()
        del rest[:whole]
        return self._events(lines)

    def end(self) -> list[Event]:
        """Return what the last bytes hold, though no line end follows."""
        lines = bytes(self._rest).splitlines()
        self._rest.clear()
        return self._events([*lines, b""])

    def _events(self, lines: list[bytes]) -> list[Event]:
        if not self._begun and lines:
            self._begun = True
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        events: list[Event] = []
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise TooLarge
            self._take(line, events)
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
            self._is_error = False
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value, events)
        elif name == b"error":
            events.append(Event("error", value))
        elif name == b"event":
            self._is_error = value.strip() == b"error"
        elif line[:1] in b"{[":
            self._add(line, events)
        # Else a comment, `id:`, `retry:`, or a field that the standard tells readers to pass over.

    def _add(self, value: bytes, events: list[Event]) -> None:
        if not value.strip():
            return
        self._size += len(value) + LINE_COST_BYTES
        if self._size > MAX_LINE_BYTES:
            raise TooLarge
        self._data.append(value)
        if len(self._data) == 1 and (value[:1] + value.rstrip()[-1:] == b"{}" or value.strip() == DONE):
            self._dispatch(events)  # whole by itself: some servers send no blank line between two

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event("error" if self._is_error else "data", b"\n".join(self._data)))
            self._data, self._size = [], 0
