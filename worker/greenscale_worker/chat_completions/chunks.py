"""What is read of a chat completion, whole or in chunks. The `openai` package's models cost several times the reading.

Servers differ in nearly every field, so most are read as they are and judged by hand.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from greenscale_jobs.records import MAX_TOKENS, Usage


class Delta(msgspec.Struct):
    """A piece of the answer, or all of it."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None


class Choice(msgspec.Struct):
    """One answer of possibly several; we ask for one. `message` where the answer came at once."""

    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    error: Any = None
    text: Any = None


class Chunk(msgspec.Struct):
    """One event of the stream, or a whole completion."""

    choices: list[Choice] | None = None
    model: Any = None
    usage: Any = None
    error: Any = None
    object: Any = None
    detail: Any = None
    type: Any = None
    code: Any = None
    message: Any = None
    msg: Any = None

    @property
    def is_error(self) -> bool:
        """Whether it is an error instead of a piece: nested, flat, or FastAPI's."""
        if self.error or self.object == "error" or self.type == "error":
            return True
        return not self.choices and not self.usage and bool(self.detail or self.message or self.msg)


DECODER = msgspec.json.Decoder(Chunk)


class Malformed(Exception):
    """It is not a chat completion."""


def read_chunk(data: bytes) -> Chunk:
    """Decode one event, or a whole body. Raises Malformed."""
    try:
        return DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_slowly(data)


def _read_slowly(data: bytes) -> Chunk:
    """Decode what only Python's own reader takes: NaN, half of a surrogate pair; and a list of one error (Gemini)."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed from None
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return Chunk(error=value) if "error" in value[0] else _converted(value[0])
    return _converted(value)


def _converted(value: Any) -> Chunk:
    try:
        return msgspec.convert(value, Chunk)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):  # the second: half a character as a key
        raise Malformed from None


def text_of(content: Any) -> str:
    """Return the text of `content`: a text, or a list of parts. Raises Malformed for what is neither."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        raise Malformed
    return "".join(_text_of_part(part) for part in content)


def _text_of_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise Malformed
    text = part.get("text", part.get("content"))
    if isinstance(text, Mapping):
        text = text.get("value")
    if isinstance(text, str) and part.get("type") not in {"thinking", "reasoning"}:
        return text
    return ""


def usage_of(usage: Any) -> Usage | None:
    """Return the tokens that were counted; None for what is no count."""
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    return None if prompt is None and completion is None else Usage(prompt, completion)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None
