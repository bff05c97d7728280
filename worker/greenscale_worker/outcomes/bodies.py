"""Reads an engine's error body, whatever its shape.

Pure. Servers write errors nested, flat, in a list, as FastAPI's `{"detail": [...]}`, as JSON within a text, with codes
that are numbers. Its words are searched everywhere, and none of them is ever shown, except a code that looks like
one: servers repeat the prompt, or a part of the key, in their texts.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

WORDS = {
    "code",
    "description",
    "detail",
    "details",
    "error",
    "error_code",
    "error_description",
    "error_message",
    "error_msg",
    "error_type",
    "errors",
    "exception",
    "loc",
    "message",
    "msg",
    "param",
    "raw",
    "reason",
    "status",
    "status_code",
    "status_msg",
    "title",
    "type",
}
"""The keys whose values are read. The others may repeat the request: `input`, `failed_generation`, `flagged_input`."""

ECHOES = {"input", "ctx", "prompt", "messages", "request", "failed_generation", "flagged_input", "content"}
"""The keys beneath which nothing is read."""

NAMES = {"code", "type", "status", "reason", "error_code", "error_type", "error"}
"""Where an identifier stands, which may be shown."""

STATUSES = {"code", "status", "status_code", "error_code", "http_status", "type"}

MAX_NODES, MAX_DEPTH, MAX_TEXT_CHARS = 2000, 12, 4000
"""An error is small; what is larger repeats something."""

PRIVATE_CHARS = 12
"""Texts of the job are removed from an error where they are longer than this: `hi` is a part of `this`."""

GENERIC = re.compile(
    r"(bad|invalid) ?_?request(_?error)?|not ?_?found(_?error)?|forbidden|error|unknown|null|none|object|failed|"
    r"access denied|permission ?_?denied|provider returned error|an? error (has )?occurred|about:blank|4\d\d|[\s\W\d_]+"
)
"""What gives no reason: it names neither a part of the request nor of the configuration."""

ROUTE_ERRORS = ({"detail": "Not Found"}, {"detail": "Method Not Allowed"})

IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ErrorBody(msgspec.Struct, frozen=True):
    """What a body contains. `text` is for matching and must never be shown."""

    text: str = ""
    """All words, in lower case."""
    code: str | None = None
    """An identifier that may be shown."""
    status: int | None = None
    """An HTTP status from 400 on that the body itself has."""
    fields: frozenset[str] = frozenset()
    """What `param` and `loc` name, in lower case."""
    retry_seconds: float | None = None
    is_html: bool = False
    is_route_error: bool = False
    """Whether it is how a web framework (Starlette, so FastAPI) says that it has no such path."""

    @property
    def names_nothing(self) -> bool:
        """Whether nothing in it tells what is wrong."""
        return self.is_html or not GENERIC.sub("", self.text).strip()


def read_error(body: Any, *, private: Collection[str] = ()) -> ErrorBody:
    """Read an error: the bytes of a body, or a value that is decoded already.

    `private`: texts of the job, which prove nothing where a server repeats them.
    """
    if not isinstance(body, bytes):
        return _read_value(body, private)
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return ErrorBody(text=_without(text[:MAX_TEXT_CHARS], private).lower(), is_html=True)
    return _read_value(_decode(text), private)


def _read_value(value: Any, private: Collection[str]) -> ErrorBody:
    texts: list[str] = []
    fields: set[str] = set()
    code: str | None = None
    status: int | None = None
    retry_seconds: float | None = None
    for key, leaf in _leaves(value):
        if key in STATUSES and status is None:
            status = _status(leaf)
        if "retry" in key and retry_seconds is None:
            retry_seconds = _seconds(key, leaf)
        if key not in WORDS or isinstance(leaf, bool) or leaf is None:
            continue
        word = _without(str(leaf)[:MAX_TEXT_CHARS], private)
        texts.append(word)
        if key in {"param", "loc"}:
            fields.add(word.lower())
        if code is None and key in NAMES and not word.isdecimal() and IDENTIFIER.fullmatch(word):
            code = word
    text = " | ".join(texts)[: 8 * MAX_TEXT_CHARS].lower()
    return ErrorBody(text, code, status, frozenset(fields), retry_seconds, is_route_error=value in ROUTE_ERRORS)


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """Give every text and number with the key that it stands under, the outer before the inner."""
    level: list[tuple[str, Any]] = [("message", value)]
    nodes = 0
    for _ in range(MAX_DEPTH):
        inner: list[tuple[str, Any]] = []
        for key, node in level:
            nodes += 1
            if nodes > MAX_NODES:
                return
            if isinstance(node, dict):
                inner += [(str(name).lower(), child) for name, child in node.items() if str(name).lower() not in ECHOES]
            elif isinstance(node, list):
                inner += [(key, child) for child in node]
            else:
                yield key, node
                if isinstance(node, str) and key in WORDS and (within := _within(node)) is not None:
                    inner.append((key, within))
        level = inner


def _within(text: str) -> Any:
    """Return the JSON object or list that a text is, or ends with."""
    begin = min((place for place in (text.find("{"), text.find("[{")) if place >= 0), default=-1)
    if begin < 0 or len(text) > 16 * MAX_TEXT_CHARS:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, begin)[0]
    except (ValueError, RecursionError):
        return None


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _status(leaf: Any) -> int | None:
    if isinstance(leaf, str) and leaf.isdecimal() and len(leaf) == 3:  # noqa: PLR2004
        leaf = int(leaf)
    return leaf if isinstance(leaf, int) and 400 <= leaf <= 599 else None  # noqa: PLR2004


def _seconds(key: str, leaf: Any) -> float | None:
    """Read Gemini's `"retryDelay": "30s"`, and `retry_after`, `retry_after_ms` as numbers or texts."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s)?", str(leaf).strip())
    if match is None or isinstance(leaf, bool):
        return None
    thousandths = match[2] == "ms" or key.endswith(("_ms", "ms"))
    return float(match[1]) / (1000 if thousandths else 1)


def _without(text: str, private: Collection[str]) -> str:
    for secret in private:
        if len(secret) > PRIVATE_CHARS or (" " in secret.strip()):
            text = text.replace(secret, "")
    return text
