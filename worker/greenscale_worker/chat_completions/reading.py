"""Puts one answer together from the bytes of a chat completion: streamed, or whole where the server does not stream.

Pure: bytes in, pieces of text out by `emit`. Half an answer must not be taken for whole, nor a whole one thrown away:
`finished` says that a `finish_reason` has come, after which nothing that breaks matters any more.
"""

import json
from collections.abc import Callable
from typing import Any

from greenscale_jobs.records import Usage
from greenscale_worker.chat_completions.chunks import Choice, Chunk, Delta, Malformed, read_chunk, text_of, usage_of
from greenscale_worker.chat_completions.events import DONE, MAX_LINE_BYTES, Event, Events, TooLarge
from greenscale_worker.chat_completions.tool_calls import ToolCalls
from greenscale_worker.runner import Answer

NO_ENDINGS = {"", "null", "none"}
"""What servers write as a `finish_reason` before there is one."""

MAX_NAME_CHARS = 256
"""A model's name, as in the resource; and an ending's."""

HIGH_SURROGATES = ("\ud800", "\udbff")


class Reading:
    """Collects one answer; `error` is an error that came instead, or within it, as the server wrote it."""

    def __init__(self, emit: Callable[[str], None], *, max_bytes: int) -> None:
        self._emit = emit
        self._max_bytes = max_bytes
        self._events = Events()
        self._body = bytearray()
        self._form: str | None = None
        self._pieces: list[str] = []
        self._refusal: list[str] = []
        self._half = ""
        self._tools = ToolCalls()
        self._size = 0
        self._model: str | None = None
        self._finish_reason: str | None = None
        self.usage: Usage | None = None
        self.is_done = False
        """Nothing more is to come: [DONE], a whole body, an error."""
        self.error: Any = None
        self.problem: str | None = None
        """`<page>`, `<malformed>` or `<too large>`, see `outcomes.endings`."""

    @property
    def finished(self) -> bool:
        """Whether the answer is whole, as far as the server says."""
        return self._finish_reason is not None

    @property
    def failed(self) -> bool:
        """Whether it can be no answer any more."""
        return self.problem is not None or self.error is not None

    @property
    def is_open(self) -> bool:
        """Whether what decides is still to come."""
        return not (self.finished or self.is_done or self.failed)

    @property
    def lacks_count(self) -> bool:
        """Whether the tokens' count may still come."""
        return self.usage is None and not self.is_done

    @property
    def is_cut(self) -> bool:
        """Whether a stream stopped before its end, by what it says itself."""
        return self._form == "events" and self.is_open

    @property
    def has_text(self) -> bool:
        """Whether there is something to store."""
        return bool(self._pieces or self._refusal or self._tools)

    @property
    def ending(self) -> str | None:
        """How the answer ended, for `outcomes`."""
        if self.problem:
            return self.problem
        if self._finish_reason is None and self.is_done and self.usage is not None and self.has_text:
            return "stop"  # some servers never send one: their count and [DONE] say as much
        return self._finish_reason

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._form is None:
            self._body += data
            begin = bytes(self._body[:64]).removeprefix(b"\xef\xbb\xbf").lstrip()
            if not begin and len(self._body) <= MAX_LINE_BYTES:
                return
            self._form = {b"{": "whole", b"[": "whole", b"<": "page"}.get(begin[:1], "events")
            data = bytes(self._body)
            self._body.clear()
        match self._form:
            case "page":
                self.problem = "<page>"
            case "whole":
                self._body += data
                if (
                    len(self._body) > 2 * self._max_bytes + MAX_LINE_BYTES
                ):  # JSON may write a byte in two, and more around
                    self.problem = "<too large>"
                elif data.rstrip()[-1:] in b"}]":
                    self._look_for_whole()
            case _:
                self._try(lambda: self._take_events(self._events.feed(data)))

    def end(self) -> None:
        """No more bytes come."""
        if self._form == "whole" and not self.is_done:
            body = bytes(self._body)
            self._try(lambda: self._take_whole(body))
        elif self._form == "events":
            self._try(lambda: self._take_events(self._events.end()))

    def answer(self) -> Answer:
        """Return what was collected; a refusal or the tool calls are its text where there is no other."""
        self._flush_half()
        text = "".join(self._pieces) or "".join(self._refusal) or _whole_characters(self._tools.text())
        return Answer(text, self._model, self.usage, self._finish_reason)

    def _look_for_whole(self) -> None:
        """Read a body that may be all there, though its end is not marked: some servers keep the connection open."""
        try:
            chunk = read_chunk(bytes(self._body))
        except Malformed:
            return
        if chunk.is_error or any(choice.message for choice in chunk.choices or ()):
            self._try(lambda: self._take(chunk))
            self.is_done = True

    def _try(self, take: Callable[[], None]) -> None:
        try:
            take()
        except Malformed:
            if not self.finished:
                self.problem = "<malformed>"
        except TooLarge:
            self.problem = "<too large>"

    def _take_whole(self, body: bytes) -> None:
        """Read a body of JSON: one completion, an error, or a chunk a line."""
        try:
            chunk = read_chunk(body.strip(b"\xef\xbb\xbf \t\r\n"))
        except Malformed:
            lines = body.splitlines()
            if len(lines) == 1:
                raise
            self._take_events([Event("data", line) for line in lines if line.strip()])
        else:
            self._take(chunk)
        self.is_done = True

    def _take_events(self, events: list[Event]) -> None:
        for event in events:
            if event.data.strip() == DONE:
                self.is_done = True
            elif event.kind == "error" and not self.finished:
                self.error = _error_of(event.data)
            elif not self.is_done:
                self._take(read_chunk(event.data))
            if self.failed:
                return

    def _take(self, chunk: Chunk) -> None:
        if chunk.is_error and not self.finished:
            self.error = chunk.error or {
                "message": chunk.message or chunk.msg,
                "code": chunk.code,
                "detail": chunk.detail,
            }
            return
        if isinstance(chunk.model, str):
            self._model = _whole_characters(chunk.model[:MAX_NAME_CHARS]) or self._model
        if chunk.usage:
            self.usage = usage_of(chunk.usage) or self.usage
        for choice in chunk.choices or ():
            self._take_choice(choice)

    def _take_choice(self, choice: Choice) -> None:
        if choice.error:
            self.error = choice.error
            return
        for delta in (choice.delta, choice.message):
            if delta is not None:
                self._take_delta(delta)
        if choice.delta is None and choice.message is None and choice.text:
            self._write(text_of(choice.text))
        ending = choice.finish_reason
        if isinstance(ending, str) and ending.lower() not in NO_ENDINGS:
            self._finish_reason = _whole_characters(ending[:MAX_NAME_CHARS])

    def _take_delta(self, delta: Delta) -> None:
        if delta.content:
            self._write(delta.content if isinstance(delta.content, str) else text_of(delta.content))
        if delta.refusal:
            refusal = _whole_characters(text_of(delta.refusal))
            self._count(refusal)
            self._refusal.append(refusal)
        if delta.tool_calls or delta.function_call:
            self._size += self._tools.take(delta.tool_calls, delta.function_call)
        for thought in (delta.reasoning_content, delta.reasoning):
            if isinstance(thought, str):
                self._count(_whole_characters(thought))
        if self._size > self._max_bytes:
            self.problem = "<too large>"

    def _write(self, text: str) -> None:
        if self._half:
            text = self._mended(text)
        try:
            self._count(text)
        except UnicodeEncodeError:  # half of a character
            text = self._mended(text)
            self._count(text)
        if text:
            self._pieces.append(text)
            self._emit(text)

    def _mended(self, text: str) -> str:
        """Join halves of characters that came in two pieces; one that never comes whole becomes a question mark."""
        text, self._half = self._half + text, ""
        if text and HIGH_SURROGATES[0] <= text[-1] <= HIGH_SURROGATES[1]:
            text, self._half = text[:-1], text[-1]
        return _whole_characters(text)

    def _flush_half(self) -> None:
        if self._half:
            self._half = ""
            self._pieces.append("\ufffd")

    def _count(self, text: str) -> None:
        self._size += len(text) if text.isascii() else len(text.encode())


def _whole_characters(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _error_of(data: bytes) -> Any:
    """Return the error that an event holds: JSON, or a text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {"message": data.decode("utf-8", "replace")}
    return value or {"message": ""}
