"""What we add to a request ourselves is left out or renamed where a server refuses it; what the user set is not."""

from typing import Any

import pytest

from greenscale_testing.engine_calls import ask, engine_at, kind_of
from greenscale_testing.raw_server import DONE, delta, message, raw, stream

TEXT = [delta("one"), delta(" two")]
STOP = delta(finish_reason="stop")
WHOLE = {"choices": [{"message": {"content": "one two"}, "finish_reason": "stop"}]}


def within(**error: Any) -> dict[str, Any]:
    return {"error": {"message": "something", **error}}


STREAM_OPTIONS = [
    pytest.param(400, within(param="stream_options"), id="param"),
    pytest.param(400, {"error": {"message": "unknown parameter: stream_options"}}, id="a message"),
    pytest.param(400, {"error": "Unrecognized request argument supplied: stream_options"}, id="a text"),
    pytest.param(
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "x"}]},
        id="FastAPI, Mistral",
    ),
    pytest.param(
        400,
        [within(message='Invalid JSON payload received. Unknown name "stream_options": Cannot find field.')],
        id="Gemini",
    ),
    pytest.param(
        400, {"message": "Additional properties are not allowed ('stream_options' was unexpected)"}, id="a schema"
    ),
]


@pytest.mark.parametrize(("status", "body"), STREAM_OPTIONS)
async def test_what_we_added_is_left_out_for_good(status: int, body: Any) -> None:
    async with raw(message(status, body), stream(*TEXT, STOP, DONE)) as (server, url), engine_at(url) as engine:
        outcomes = [await ask(engine), await ask(engine)]

    assert [kind_of(outcome) for outcome in outcomes] == [("Answer", "one two")] * 2
    assert ["stream_options" in request for request in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    "body",
    [
        within(
            message="Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            param="max_tokens",
        ),
        {
            "detail": [
                {"type": "extra_forbidden", "loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}
            ]
        },
        [within(message='Unknown name "max_tokens": Cannot find field.', code=400)],
    ],
)
async def test_the_longest_answer_is_sent_under_its_other_name_for_good(body: Any) -> None:
    async with raw(message(400, body), stream(*TEXT, STOP, DONE)) as (server, url), engine_at(url) as engine:
        outcomes = [await ask(engine, max_tokens=7), await ask(engine, max_tokens=7)]
    limits = [(request.get("max_tokens"), request.get("max_completion_tokens")) for request in server.requests]

    assert [kind_of(outcome) for outcome in outcomes] == [("Answer", "one two")] * 2
    assert limits == [(7, None), (None, 7), (None, 7)]


async def test_a_server_that_knows_neither_name_is_not_asked_again() -> None:
    body = within(message="Unsupported parameter: max_tokens, max_completion_tokens")
    async with raw(message(400, body)) as (server, url), engine_at(url) as engine:
        outcome = await ask(engine, max_tokens=7)

    assert kind_of(outcome) == ("JobRejected", "ParameterRefused")
    assert len(server.requests) == 2


async def test_a_server_that_does_not_stream_is_asked_for_the_whole() -> None:
    body = within(
        message="Your organization must be verified to stream this model.", param="stream", code="unsupported_value"
    )
    async with raw(message(400, body), message(200, WHOLE)) as (server, url), engine_at(url) as engine:
        outcome = await ask(engine)

    assert kind_of(outcome) == ("Answer", "one two")
    assert ["stream" in request for request in server.requests] == [True, False]


async def test_a_value_that_is_refused_is_not_sent_otherwise() -> None:
    body = within(message="max_tokens is too large: 7. This model supports at most 4.", param="max_tokens")
    async with raw(message(400, body)) as (server, url), engine_at(url) as engine:
        outcome = await ask(engine, max_tokens=7)

    assert kind_of(outcome) == ("JobRejected", "ParameterRefused")
    assert len(server.requests) == 1
