"""What becomes of an answer's bytes: nothing half is stored as whole, and nothing whole is thrown away."""

import gzip
import json
import time
import zlib
from typing import Any

import pytest

from greenscale_jobs import Item, Usage
from greenscale_testing.engine_calls import ask_once, engine_at, kind_of
from greenscale_testing.raw_server import DONE, USAGE, Reply, chunked, delta, event, message, raw, stream
from greenscale_worker.runner import Answer

TEXT = [delta("one"), delta(" two")]
STOP = delta(finish_reason="stop")
WHOLE = b"".join(event(one) for one in [*TEXT, STOP])
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def completion(**more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "one two"}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": "served", "choices": [choice], **more}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(stream(*TEXT, STOP, USAGE, DONE), id="as it should be"),
        pytest.param(stream(*TEXT, STOP, USAGE), id="no DONE"),
        pytest.param(stream(*TEXT, STOP, DONE), id="no usage"),
        pytest.param(stream(*TEXT, STOP), id="neither"),
        pytest.param(stream(*TEXT, USAGE, DONE), id="no finish_reason, but usage and DONE"),
        pytest.param(stream(*TEXT, {**delta(), **USAGE, "choices": TEXT[0]["choices"][:0]}, DONE), id="no choices"),
        pytest.param(stream(*TEXT, delta(finish_reason=""), STOP, DONE), id="an empty finish_reason before"),
        pytest.param(Reply(chunked(WHOLE, ends=False), "close"), id="cut after finish_reason"),
        pytest.param(Reply(chunked(WHOLE, ends=False), "reset"), id="reset after finish_reason"),
        pytest.param(Reply((HEAD, WHOLE), "close"), id="no length, closed"),
        pytest.param(stream("\ufeff", *TEXT, STOP, DONE), id="a byte order mark"),
        pytest.param(
            stream("retry: 500\n\n", "id: 7\n", TEXT[0], "event: message\n", TEXT[1], STOP, DONE), id="other fields"
        ),
        pytest.param(stream("data:\n\n", TEXT[0], "data: \n\n", TEXT[1], "data:\n\n", STOP, DONE), id="empty data"),
        pytest.param(stream(": hello\n\n", *TEXT, ": there\n", STOP, ":\n", DONE), id="comments"),
        pytest.param(stream(*(event(one).decode().replace("\n", "\r\n") for one in [*TEXT, STOP])), id="CRLF"),
        pytest.param(stream(*(event(one).decode().replace("\n", "\r") for one in [*TEXT, STOP])), id="CR"),
        pytest.param(
            stream(*(event(one).decode().replace("\n\n", "\n") for one in [*TEXT, STOP])), id="no blank lines"
        ),
        pytest.param(
            stream(*(event(one).decode().replace("data: ", "data:") for one in [*TEXT, STOP])), id="no blank after data"
        ),
        pytest.param(
            stream(event(TEXT[0]).decode(), event(TEXT[1]).decode(), event(STOP).decode().rstrip()),
            id="no last line end",
        ),
        pytest.param(
            stream("data: {\ndata: " + json.dumps(TEXT[0])[1:] + "\n\n", TEXT[1], STOP), id="data over two lines"
        ),
        pytest.param(stream(*TEXT, STOP, {"error": {"message": "late", "code": 500}}), id="an error after the end"),
        pytest.param(stream(*TEXT, STOP, "data: {garbage\n\n"), id="garbage after the end"),
        pytest.param(
            stream(delta([{"type": "text", "text": "one"}, {"type": "text", "text": " two"}]), STOP), id="parts"
        ),
        pytest.param(stream(delta(["one", " two"]), STOP), id="parts that are texts"),
        pytest.param(stream(delta(reasoning_content="hm"), *TEXT, STOP), id="reasoning before"),
        pytest.param(message(200, completion()), id="a plain completion"),
        pytest.param(message(200, [completion()]), id="a plain completion in a list"),
        pytest.param(message(200, json.dumps(completion(), indent=1)), id="a plain completion over several lines"),
        pytest.param(
            message(200, json.dumps(completion()), kind="text/event-stream"), id="a plain completion called a stream"
        ),
        pytest.param(
            message(200, b"\xef\xbb\xbf" + json.dumps(completion()).encode()), id="a plain completion with a mark"
        ),
        pytest.param(stream({**completion()}, DONE), id="a whole completion as an event"),
        pytest.param(message(200, "\n".join(json.dumps(one) for one in [*TEXT, STOP])), id="a chunk a line"),
        pytest.param(stream(json.dumps(completion())[:-1] + ', "logprobs": NaN}\n'), id="NaN"),
        pytest.param(message(200, gzip.compress(WHOLE), "Content-Encoding: gzip", kind="text/event-stream"), id="gzip"),
        pytest.param(message(200, zlib.compress(WHOLE), "Content-Encoding: deflate"), id="deflate"),
        pytest.param(message(200, zlib.compress(WHOLE)[2:-4], "Content-Encoding: deflate"), id="raw deflate"),
        pytest.param(message(200, WHOLE, "X-Big: " + "x" * 9000, kind="text/event-stream"), id="headers over 8 KiB"),
        pytest.param(Reply(tuple(bytes([one]) for one in stream(*TEXT, STOP, DONE))), id="byte by byte"),
    ],
)
async def test_a_whole_answer_is_stored(reply: Reply | bytes) -> None:
    async with raw(reply) as (server, url):
        outcome = await ask_once(url)

    assert kind_of(outcome) == ("Answer", "one two")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(chunked(WHOLE, ends=False), "hang"), id="silence"),
        pytest.param(Reply(chunked(WHOLE, ends=False), forever=b"2\r\n:\n\r\n"), id="heartbeats"),
        pytest.param(Reply(chunked(WHOLE, ends=False), forever=b"7\r\ndata:\n\n\r\n"), id="empty events"),
        pytest.param(
            Reply((HEAD + json.dumps(completion()).encode(),), "hang"), id="a plain completion without an end"
        ),
    ],
)
async def test_what_comes_after_the_end_is_waited_for_a_few_seconds(reply: Reply) -> None:
    async with raw(reply) as (_, url):
        began = time.monotonic()
        outcome = await ask_once(url)

    assert kind_of(outcome) == ("Answer", "one two")
    assert time.monotonic() - began < 8


async def test_a_count_that_comes_a_little_later_is_not_missed() -> None:
    reply = Reply(chunked(WHOLE, event(USAGE), DONE.encode()))
    async with raw(reply) as (_, url):
        outcome = await ask_once(url)

    assert isinstance(outcome, Answer)
    assert outcome.usage == Usage(3, 2)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(3, 2)),
        ({"prompt_tokens": 3}, Usage(3, None)),
        ({"prompt_tokens": 3.5, "completion_tokens": 2.0}, None),
        ({"prompt_tokens": "3", "completion_tokens": "2"}, None),
        ({"prompt_tokens": -3, "completion_tokens": -2}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": True}, None),
        ([3, 2], None),
        ("5", None),
        (5, None),
    ],
)
async def test_a_count_that_cannot_be_read_is_none(usage: Any, expected: Usage | None) -> None:
    async with raw(stream(*TEXT, STOP, {"choices": [], "usage": usage}, DONE)) as (_, url):
        outcome = await ask_once(url)

    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.usage) == ("one two", expected)


@pytest.mark.parametrize(
    ("events", "text", "finish_reason"),
    [
        pytest.param([delta(refusal="I can"), delta(refusal="not"), STOP], "I cannot", "stop", id="a refusal"),
        pytest.param(
            [
                delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "add", "arguments": '{"x"'}}]),
                delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
                delta(finish_reason="tool_calls"),
            ],
            '[{"id": "a", "type": "function", "function": {"name": "add", "arguments": "{\\"x\\": 1}"}}]',
            "tool_calls",
            id="a tool call",
        ),
        pytest.param(
            [delta(function_call={"name": "add", "arguments": "{}"}), delta(finish_reason="function_call")],
            '[{"id": null, "type": "function", "function": {"name": "add", "arguments": "{}"}}]',
            "function_call",
            id="a function call",
        ),
        pytest.param([delta("cut"), delta(finish_reason="length")], "cut", "length", id="cut off at maxTokens"),
        pytest.param([delta("x"), delta(finish_reason="eos_token")], "x", "eos_token", id="an ending that is new"),
    ],
)
async def test_what_is_not_plain_text_is_a_result(events: list[Any], text: str, finish_reason: str) -> None:
    async with raw(stream(*events, DONE)) as (_, url):
        outcome = await ask_once(url)

    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.finish_reason) == (text, finish_reason)


def within(**error: Any) -> dict[str, Any]:
    return {"error": {"message": "something with the secret prompt", **error}}


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        pytest.param(stream(*TEXT, delta(finish_reason="abort"), DONE), "AttemptFailed", "Aborted", id="abort"),
        pytest.param(stream(*TEXT, delta(finish_reason="error"), DONE), "AttemptFailed", "Aborted", id="error"),
        pytest.param(
            stream(*TEXT, delta(finish_reason="SAFETY"), DONE), "JobRejected", "ContentFiltered", id="a filter"
        ),
        pytest.param(
            stream(delta(finish_reason="content_filter")), "JobRejected", "ContentFiltered", id="a filter, no text"
        ),
        pytest.param(
            stream(
                *TEXT, {"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 502, "message": "x"}}]}
            ),
            "AttemptFailed",
            "ServerError",
            id="an error in the choice",
        ),
        pytest.param(
            stream(delta(reasoning_content="hm"), delta(finish_reason="length")),
            "JobRejected",
            "NoRoomForAnswer",
            id="length",
        ),
        pytest.param(stream(STOP, DONE), "AttemptFailed", "NoAnswer", id="nothing said"),
        pytest.param(stream(DONE), "AttemptFailed", "NoAnswer", id="DONE alone"),
        pytest.param(message(200, b""), "AttemptFailed", "NoAnswer", id="empty"),
        pytest.param(message(204, b""), "AttemptFailed", "NoAnswer", id="204"),
        pytest.param(stream(*TEXT), "AttemptFailed", "StreamBroken", id="ends without a reason"),
        pytest.param(stream(*TEXT, DONE), "AttemptFailed", "StreamBroken", id="DONE without a reason"),
        pytest.param(Reply(chunked(event(TEXT[0]))), "AttemptFailed", "StreamBroken", id="chunks end without a reason"),
        pytest.param(stream(TEXT[0], "data: {half\n\n"), "AttemptFailed", "MalformedAnswer", id="garbage"),
        pytest.param(stream(TEXT[0], "data: 5\n\n"), "AttemptFailed", "MalformedAnswer", id="a number"),
        pytest.param(
            stream({"choices": [{"delta": {"content": 5}}]}, STOP),
            "AttemptFailed",
            "MalformedAnswer",
            id="content is a number",
        ),
        pytest.param(
            stream("data: ?\n\n"),
            "AttemptFailed",
            "MalformedAnswer",
            id="a question mark",
        ),
        pytest.param(
            message(200, {"choices": "none"}), "AttemptFailed", "MalformedAnswer", id="choices of another kind"
        ),
        pytest.param(message(200, {"status": "ok"}), "AttemptFailed", "NoAnswer", id="another JSON"),
        pytest.param(Reply(chunked(event(TEXT[0]), ends=False), "close"), "EngineLost", "EngineLost", id="cut"),
        pytest.param(Reply(chunked(event(TEXT[0]), ends=False), "reset"), "EngineLost", "EngineLost", id="reset"),
        pytest.param(
            Reply((HEAD, event(TEXT[0])), "close"), "EngineLost", "EngineLost", id="an end that nobody marked"
        ),
        pytest.param(Reply((), "close"), "EngineLost", "EngineLost", id="closed before its answer"),
        pytest.param(Reply((), "reset"), "EngineLost", "EngineLost", id="reset before its answer"),
        pytest.param(Reply((b"HTTP/1.1 200 OK\r\nContent-",), "close"), "EngineLost", "EngineLost", id="half a head"),
        pytest.param(
            message(200, "<html>Welcome</html>", kind="text/html"), "EngineMisconfigured", "WrongAddress", id="a page"
        ),
        pytest.param(
            stream(within(code=400, type="BadRequestError")),
            "JobRejected",
            "InvalidRequest",
            id="400 as the first event",
        ),
        pytest.param(stream(within(code=401)), "EngineMisconfigured", "Unauthorized", id="401 as the first event"),
        pytest.param(stream(within(code=429)), "EngineInTrouble", "RateLimited", id="429 as the first event"),
        pytest.param(stream(within(code=500)), "AttemptFailed", "ServerError", id="500 as the first event"),
        pytest.param(stream(*TEXT, within(code=429)), "EngineInTrouble", "RateLimited", id="429 in the middle"),
        pytest.param(stream('error: {"code": 429}\n\n'), "EngineInTrouble", "RateLimited", id="an error line"),
        pytest.param(
            stream('event: error\ndata: {"code": 503}\n\n'), "EngineInTrouble", "Unavailable", id="an error event"
        ),
        pytest.param(
            stream("event: error\ndata: overloaded\n\n"), "EngineInTrouble", "Overloaded", id="an error event of a word"
        ),
        pytest.param(
            stream(json.dumps(within(code=429)) + "\n"), "EngineInTrouble", "RateLimited", id="bare JSON in a stream"
        ),
        pytest.param(
            stream(TEXT[0], json.dumps(within(code=429)) + "\n"), "EngineInTrouble", "RateLimited", id="bare JSON later"
        ),
        pytest.param(message(200, within(code=429)), "EngineInTrouble", "RateLimited", id="bare JSON"),
        pytest.param(message(200, [within(code=401)]), "EngineMisconfigured", "Unauthorized", id="bare JSON, a list"),
        pytest.param(
            message(200, {"object": "error", "message": "x", "code": 429}), "EngineInTrouble", "RateLimited", id="flat"
        ),
        pytest.param(message(200, {"detail": "Invalid API key"}), "EngineMisconfigured", "Unauthorized", id="a detail"),
        pytest.param(
            message(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
            "EngineMisconfigured",
            "WrongAddress",
            id="an unexpected endpoint",
        ),
        pytest.param(
            message(307, b"", "Location: http://127.0.0.1:1/"), "EngineMisconfigured", "Redirected", id="a redirect"
        ),
        pytest.param(
            message(200, b"no gzip", "Content-Encoding: gzip"), "AttemptFailed", "MalformedAnswer", id="broken gzip"
        ),
        pytest.param(
            message(200, gzip.compress(WHOLE)[:40], "Content-Encoding: gzip"),
            "AttemptFailed",
            "MalformedAnswer",
            id="half of gzip",
        ),
        pytest.param(
            message(200, WHOLE, "Content-Encoding: br"), "AttemptFailed", "MalformedAnswer", id="another compression"
        ),
        pytest.param(
            message(200, b"", "X-Big: " + "x" * 70_000), "AttemptFailed", "HeadersTooLarge", id="headers of 70 KB"
        ),
        pytest.param(
            Reply((b"\x15\x03\x01\x00\x02\x02\x46",), "close"), "EngineMisconfigured", "WrongAddress", id="TLS's alert"
        ),
        pytest.param(
            Reply((b"+OK hello\r\n\r\n",), "close"), "EngineMisconfigured", "WrongAddress", id="another protocol"
        ),
    ],
)
async def test_what_is_no_whole_answer_is_not_stored(reply: Reply | bytes, kind: str, reason: str) -> None:
    async with raw(reply) as (server, url):
        outcome = await ask_once(url)

    assert kind_of(outcome) == (kind, reason)
    assert len(server.requests) == 1


async def test_characters_that_come_in_halves_are_joined() -> None:
    events = [
        'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n',
        'data: {"choices": [{"delta": {"content": "\\ude00b"}}]}\n\n',
    ]
    pieces: list[str] = []
    async with raw(stream(*events, STOP)) as (_, url), engine_at(url) as engine:
        answer = await engine.answer(Item("id", "hi"), pieces.append)

    assert (answer.text, "".join(pieces)) == ("a\U0001f600b", "a\U0001f600b")


async def test_half_a_character_is_stored_as_a_sign_that_it_is_missing() -> None:
    async with raw(stream('data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n', STOP)) as (_, url):
        assert kind_of(await ask_once(url)) == ("Answer", "a\ufffd")
