"""The kinds of jobs of the chaos engine: what each is answered, and what must become of it.

A prompt is `chaos <kind> <number>`: so the engine, the submitter and the verdict know the same of it without talking.
"""

import dataclasses
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from greenscale_testing.chaos_wire import (
    DONE,
    End,
    Reply,
    Request,
    Send,
    answered,
    chunk,
    completion,
    delta,
    event,
    head,
    streamed,
    tokens,
    whole,
    words_of,
    zipped,
)

TEXTS = (
    "yes",
    "Zwei Wörter, naïve; 東京 🙂 \u200d👩‍🚀",
    "  blanks in front and behind  \n",
    "a line\r\na line\n\n\ta tab",
    "\x00 \u2028 \u2029 \ufeff \x7f",
    "data: [DONE]\n\ndata: {}\n\n",
    '{"error": {"message": "none, this is the answer", "code": 500}}',
)
"""What answers are made of: whatever is not kept byte by byte shows."""

LONG_BYTES = 40_000
"""Of a long answer: below the `maxAnswerBytes` of the soak, and many packets."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of job."""

    name: str
    reply: Callable[[Request], Reply]
    reasons: frozenset[str] = frozenset()
    """Why it must die; nothing where it must be done."""
    result: Callable[[int], str] | None = None
    """The text that must be stored, by the job's number."""
    calls: int = 1
    """How often it may be asked when nothing disturbs it."""
    apart: bool = False
    """Whether its calls are those of a suspect, which are listed apart."""
    disturbed: bool = True
    """Whether troubles are drawn for its calls."""
    share: int = 1
    """How often it is drawn."""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Of the job, which asks for something itself."""


def text_of(number: int) -> str:
    """Return the whole answer to the job of this number."""
    return f"{number}: {TEXTS[number % len(TEXTS)]}"


def long_text_of(number: int) -> str:
    """Return an answer of many packets, with characters of several bytes on their edges."""
    word = f"{number} größer 🙂 "
    return word * (LONG_BYTES // len(word.encode()))


def refusal_of(number: int) -> str:
    """Return what a model says that refuses."""
    return f"I cannot help with {number}."


def calls_of(number: int) -> str:
    """Return the text that stands for the call of a tool."""
    function = {"name": "look_up", "arguments": f'{{"number": {number}}}'}
    return json.dumps([{"id": "call_1", "type": "function", "function": function}])


def prompt_of(kind: str, number: int) -> str:
    """Return a job's prompt."""
    return f"chaos {kind} {number}"


def read_prompt(prompt: str) -> tuple[str, int]:
    """Return the kind and the number of a prompt; raises ValueError."""
    word, kind, number = prompt.split(" ")
    if word != "chaos":
        raise ValueError(word)
    return kind, int(number)


def _events(request: Request, finish_reason: str | None = "stop") -> list[bytes]:
    return words_of(text_of(request.number), finish_reason)


def _plain(request: Request) -> Reply:
    return answered(text_of(request.number))


def _slow(request: Request) -> Reply:
    return answered(text_of(request.number), pause_seconds=0.2)


def _quiet(request: Request) -> Reply:
    return Reply((Send(b"", pause_seconds=0.1), *_plain(request).steps))


def _long(request: Request) -> Reply:
    return answered(long_text_of(request.number))


def _torn(request: Request) -> Reply:
    """Tear the stream wherever: within a character, within an event, within a line's end."""
    data = b"".join([*_events(request), event(tokens()), DONE])
    chance = random.Random(request.number)  # noqa: S311
    parts = []
    while data:
        size = chance.randint(1, 40)
        parts.append(data[:size])
        data = data[size:]
    return streamed(parts)


def _crlf(request: Request) -> Reply:
    return streamed([part.replace(b"\n", b"\r\n") for part in [*_events(request), event(tokens()), DONE]])


def _extras(request: Request) -> Reply:
    extras = [b"retry: 3000\n\n", b"id: 7\n", b"data:\n\n", b": ping\n\n", b"event: message\n"]
    parts = [part for pair in zip(extras, _events(request), strict=False) for part in pair]
    return streamed([*parts, *_events(request)[len(extras) :], DONE])


def _no_blank(request: Request) -> Reply:
    return streamed([part.replace(b"data: ", b"data:", 1) for part in [*_events(request), event(tokens()), DONE]])


def _parts(request: Request) -> Reply:
    parts = [{"type": "text", "text": piece} for piece in (text_of(request.number)[:2], text_of(request.number)[2:])]
    return streamed([event(delta(parts)), event(delta(finish_reason="stop")), DONE])


def _finish_with_text(request: Request) -> Reply:
    return streamed([event(delta(text_of(request.number), finish_reason="stop")), DONE])


def _usage_first(request: Request) -> Reply:
    return streamed([event(tokens()), *_events(request), DONE])


def _odd_usage(request: Request) -> Reply:
    odd = (2.0, "3", [4], -5, True, {"total": 1}, 10**30)[request.number % 7]
    return streamed([*_events(request), event(tokens(odd)), DONE])


def _reasoned(request: Request) -> Reply:
    thought = delta(None, reasoning_content="let me think", reasoning="let me think")
    nothing = delta()
    nothing["choices"][0]["delta"] = {"content": None}
    return streamed([event(thought), event(nothing), *_events(request), event(tokens()), DONE])


def _until_closed(request: Request) -> Reply:
    data = b"".join([*_events(request), event(tokens()), DONE])
    return Reply((Send(head(200, kind="text/event-stream", Connection="close") + data),), End.CLOSE)


def _heartbeats(request: Request) -> Reply:
    reply = streamed(_events(request), terminated=False)
    return Reply((*reply.steps, Send(chunk(b": heartbeat\n\n"), times=10**9, pause_seconds=0.5)), End.CLOSE)


def _tools(request: Request) -> Reply:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": f'{{"number": {request.number}}}'}}
    parts = [delta(None, tool_calls=[call]), delta(None, tool_calls=[more]), delta(finish_reason="tool_calls")]
    return streamed([*(event(part) for part in parts), event(tokens()), DONE])


def _refusal(request: Request) -> Reply:
    said = event(delta(None, refusal=refusal_of(request.number)))
    return streamed([said, event(delta(finish_reason="stop")), event(tokens()), DONE])


def _done(name: str, reply: Callable[[Request], Reply], **more: Any) -> Kind:
    return Kind(name, reply, **{"result": text_of, **more})


DONE_KINDS = [
    _done("plain", _plain, share=60),
    _done("slow", _slow, share=10),
    _done("quiet", _quiet, share=0, disturbed=False),
    _done("long", _long, result=long_text_of, share=2),
    _done("torn", _torn),
    _done("crlf", _crlf),
    _done("bom", lambda request: streamed([b"\xef\xbb\xbf", *_events(request), event(tokens()), DONE])),
    _done("extra-fields", _extras),
    _done("no-blank", _no_blank),
    _done("list-of-parts", _parts),
    _done("finish-with-text", _finish_with_text),
    _done("usage-first", _usage_first),
    _done("odd-usage", _odd_usage, share=2),
    _done("reasoned", _reasoned),
    _done("until-closed", _until_closed),
    _done("zipped", lambda request: zipped([*_events(request), event(tokens()), DONE])),
    _done("unlabelled", lambda request: streamed([*_events(request), DONE], kind=None)),
    _done("json", lambda request: whole(200, completion(text_of(request.number)))),
    _done("json-parts", lambda request: whole(200, completion([{"type": "text", "text": text_of(request.number)}]))),
    _done("silence-after", lambda request: streamed(_events(request), end=End.HOLD, terminated=False)),
    _done("heartbeats-after", _heartbeats),
    _done("reset-after", lambda request: streamed(_events(request), end=End.RESET, terminated=False)),
    _done("no-done", lambda request: streamed([*_events(request), event(tokens())])),
    _done("no-reason", lambda request: streamed([*_events(request, None), event(tokens()), DONE])),
    _done("unknown-reason", lambda request: answered(text_of(request.number), "eos_token")),
    _done("cut-at-length", lambda request: answered(text_of(request.number), "length")),
    _done("refusal", _refusal, result=refusal_of),
    _done("tool-calls", _tools, result=calls_of),
]
"""Whole answers, however they are written."""
