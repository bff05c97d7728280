"""The chaos engine's jobs that must die: refused for good, without end, or deadly for those who ask."""

import gzip
from collections.abc import Callable
from typing import Any

from greenscale_testing.chaos_kinds import Kind
from greenscale_testing.chaos_wire import (
    DONE,
    ENDLESS,
    End,
    Reply,
    Request,
    Send,
    answered,
    chunk,
    delta,
    error,
    event,
    head,
    streamed,
    tokens,
    whole,
    zipped,
)

KIBIBYTE = b"x" * 1024

FILTERED = ("content_filter", "SAFETY", "PROHIBITED_CONTENT", "RECITATION", "content_filter: SAFETY")

TOO_LONG: tuple[Callable[[], Reply], ...] = (
    lambda: error(400, "too many tokens", type="invalid_request_error", code="context_length_exceeded"),
    lambda: error(400, "This model's maximum context length is 4096 tokens", type="BadRequestError", code=400),
    lambda: error(400, "The input is longer than the model's context length (4096)", nested=False, object="error"),
    lambda: error(400, "exceeds", code=400, type="exceed_context_size_error", n_prompt_tokens=9000, n_ctx=4096),
    lambda: streamed([event({"error": {"message": "too long", "code": "context_length_exceeded"}}), DONE]),
)

FORBIDDEN: tuple[Callable[[], Reply], ...] = (
    lambda: whole(403, b"<html><body>Request blocked by the firewall</body></html>", kind="text/html"),
    lambda: whole(403, b""),
    lambda: error(403, "Forbidden", code=403),
)

TEMPERATURE: tuple[Callable[[], Reply], ...] = (
    lambda: error(400, "Unsupported value: 'temperature'", param="temperature", code="unsupported_value"),
    lambda: whole(422, {"detail": [{"loc": ["body", "temperature"], "msg": "not permitted", "type": "extra"}]}),
    lambda: error(400, "temperature is not supported by this model", nested=False, object="error"),
)


def _no_text(*parts: dict[str, Any]) -> Reply:
    return streamed([*(event(part) for part in parts), event(tokens()), DONE])


def _endless(data: bytes, status: int = 200, kind: str = "text/event-stream") -> Reply:
    return Reply((Send(head(status, kind=kind, Transfer_Encoding="chunked")), Send(chunk(data), times=ENDLESS)))


def _bomb(_: Request) -> Reply:
    deltas = event(delta("x" * 10_000)) * 2000
    packed = gzip.compress(deltas)  # 20 MB in some 50 KB
    start = head(200, kind="text/event-stream", Content_Encoding="gzip", Content_Length=str(len(packed)))
    return Reply((Send(start + packed),))


def _cycle(replies: tuple[Callable[[], Reply], ...]) -> Callable[[Request], Reply]:
    return lambda request: replies[request.number % len(replies)]()


def _dead(name: str, reply: Callable[[Request], Reply], *reasons: str, **more: Any) -> Kind:
    return Kind(name, reply, frozenset(reasons), **more)


LARGE = "AnswerTooLarge"

DOUBTFUL_CALLS = 4
"""Of three workers each must see by itself that others are done: the fourth call is one's second."""

DEAD_KINDS = [
    _dead(
        "filtered",
        lambda request: answered(f"half {request.number}", FILTERED[request.number % len(FILTERED)]),
        "ContentFiltered",
        share=3,
    ),
    _dead("filtered-at-once", lambda _: _no_text(delta(finish_reason="content_filter")), "ContentFiltered"),
    _dead("too-long", _cycle(TOO_LONG), "PromptTooLong", share=2),
    _dead("too-large", lambda _: whole(413, b""), "TooLarge", "PromptTooLong"),
    _dead("forbidden", _cycle(FORBIDDEN), "Forbidden", calls=DOUBTFUL_CALLS, share=2),
    _dead(
        "moderated",
        lambda _: error(403, "Input flagged", code=403, metadata={"reasons": ["violence"], "flagged_input": "..."}),
        "ContentFiltered",
        "Forbidden",
        calls=DOUBTFUL_CALLS,
    ),
    _dead(
        "temperature",
        _cycle(TEMPERATURE),
        "ParameterRefused",
        parameters={"temperature": 0.5},
        share=2,
    ),
    _dead(
        "thought-only",
        lambda _: _no_text(delta(None, reasoning_content="hm"), delta(finish_reason="length")),
        "NoRoomForAnswer",
    ),
    _dead("endless", lambda _: _endless(event(delta("word " * 100))), LARGE),
    _dead("endless-line", lambda _: _endless(KIBIBYTE * 16), LARGE),
    _dead("endless-data", lambda _: _endless(b"data: " + KIBIBYTE * 16 + b"\n"), LARGE),
    _dead("endless-json", lambda _: _endless(KIBIBYTE * 16, kind="application/json"), LARGE),
    _dead("endless-refusal", lambda _: _endless(KIBIBYTE * 16, status=400, kind="text/plain"), LARGE, "InvalidRequest"),
    _dead("huge", lambda _: answered("word " * 30_000), LARGE),
    _dead("gzip-bomb", _bomb, LARGE),
    _dead("zipped-huge", lambda _: zipped([event(delta("x" * 10_000)) for _ in range(20)]), LARGE),
    _dead(
        "poison-engine",
        lambda _: Reply((Send(b"", pause_seconds=0.1),), End.EXIT),
        "EngineLost",
        apart=True,
        disturbed=False,
        share=0,
    ),
    _dead(
        "poison-worker",
        lambda _: Reply((), End.KILL_CALLER),
        "WorkerLost",
        apart=True,
        disturbed=False,
        share=0,
    ),
]
"""What no number of tries can do; the reasons are those of `docs/engines.md`."""
