"""What the chaos engine writes, byte by byte: HTTP/1.1 replies as a list of steps and an end."""

import dataclasses
import enum
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MODEL = "chaos"


class End(enum.Enum):
    """What becomes of the connection after the last step."""

    KEEP = enum.auto()
    """It waits for the next request."""
    CLOSE = enum.auto()
    """FIN."""
    RESET = enum.auto()
    """RST."""
    HOLD = enum.auto()
    """It stays open and silent until the client leaves."""
    HANG = enum.auto()
    """It stays open and silent until the outage is over: then comes what is left of the reply, or RST if nothing is."""
    EXIT = enum.auto()
    """The engine's process dies."""
    KILL_CALLER = enum.auto()
    """The engine asks for the caller to be killed, and stays silent."""


@dataclasses.dataclass(frozen=True)
class Send:
    """Bytes, as they are."""

    data: bytes
    times: int = 1
    pause_seconds: float = 0
    """Before each of them."""


ENDLESS = 10**12
"""As `times`: the client leaves first."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """Everything that happens on the connection because of one request."""

    steps: tuple[Send, ...]
    end: End = End.KEEP
    left: tuple[Send, ...] = ()
    """What `HANG` holds back."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One call as the engine sees it."""

    kind: str
    number: int
    body: Mapping[str, Any]
    worker: str = ""
    """By its key, `sk-<worker>`."""
    reused: bool = False
    """Whether another request came before it on this connection."""


def head(status: int, *, kind: str | None = "application/json", **headers: str) -> bytes:
    """Return a status line and headers; an underscore in a name stands for a hyphen."""
    lines = [f"HTTP/1.1 {status} Chaos", *([f"Content-Type: {kind}"] if kind else [])]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, body: object, *, kind: str = "application/json", **headers: str) -> Reply:
    """Return a reply with a length: JSON, unless the body is bytes already."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply((Send(head(status, kind=kind, Content_Length=str(len(data)), **headers) + data),))


def chunk(data: bytes) -> bytes:
    """Return one chunk of `Transfer-Encoding: chunked`; no data is its end."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def streamed(
    parts: Iterable[bytes],
    *,
    end: End = End.KEEP,
    terminated: bool = True,
    pause_seconds: float = 0,
    kind: str | None = "text/event-stream",
) -> Reply:
    """Return a chunked reply, a chunk for each part; only a terminated one can keep its connection."""
    steps = [Send(head(200, kind=kind, Transfer_Encoding="chunked"))]
    steps += [Send(chunk(part), pause_seconds=pause_seconds) for part in parts]
    return Reply((*steps, *([Send(chunk(b""))] if terminated else [])), end)


def event(body: object, *, prefix: bytes = b"data: ", newline: bytes = b"\n") -> bytes:
    """Return one server-sent event."""
    return prefix + json.dumps(body, ensure_ascii=False).encode() + 2 * newline


DONE = b"data: [DONE]\n\n"


def delta(content: object = None, *, finish_reason: str | None = None, **more: object) -> dict[str, Any]:
    """Return a chunk of a chat completion with one choice."""
    said = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": {**said, **more}, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}


def tokens(count: object = 3) -> dict[str, Any]:
    """Return the last chunk, which has usage and no choice."""
    counted = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}
    return {**delta(), "choices": [], "usage": counted}


def completion(text: object, *, finish_reason: str = "stop") -> dict[str, Any]:
    """Return a chat completion that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}


def pieces(text: str) -> list[str]:
    """Return a text in pieces of growing length."""
    found, begin, size = [], 0, 1
    while begin < len(text):
        found.append(text[begin : begin + size])
        begin, size = begin + size, 2 * size
    return found


def words_of(text: str, finish_reason: str | None = None) -> list[bytes]:
    """Return a text's events, and the one that finishes it where a reason is given."""
    events = [event(delta("", role="assistant")), *(event(delta(piece)) for piece in pieces(text))]
    return events if finish_reason is None else [*events, event(delta(finish_reason=finish_reason))]


def answered(text: str, finish_reason: str = "stop", *, pause_seconds: float = 0) -> Reply:
    """Return the answer as every good server streams it."""
    return streamed([*words_of(text, finish_reason), event(tokens()), DONE], pause_seconds=pause_seconds)


def error(
    status: int, message: str, *, headers: Mapping[str, str] | None = None, nested: bool = True, **more: object
) -> Reply:
    """Return an OpenAI-like error; it repeats nothing of the request."""
    said = {"message": message, **more}
    return whole(status, {"error": said} if nested else said, **(headers or {}))


def hanging(reply: Reply, *, after: int, goes_on: bool) -> Reply:
    """Return a reply that stops after so many steps; a frozen server goes on later, another one is restarted."""
    return Reply(reply.steps[:after], End.HANG, reply.steps[after:] if goes_on else ())


def zipped(events: Sequence[bytes], *, good: bool = True) -> Reply:
    """Return a stream that is compressed, or only claims to be and is not."""
    data = gzip.compress(b"".join(events)) if good else b"\x1f\x8b\x08\x00" + b"broken" * 20
    return Reply(
        (Send(head(200, kind="text/event-stream", Content_Encoding="gzip", Content_Length=str(len(data))) + data),)
    )
