"""What an engine's refusal means for a job: the words of real servers, in every shape that they come in."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from greenscale_testing.refusals import HTML, REFUSALS, nested
from greenscale_worker.errors import (
    AttemptFailed,
    Doubtful,
    EngineError,
    EngineInTrouble,
    EngineMisconfigured,
    JobRejected,
)
from greenscale_worker.outcomes.bodies import ErrorBody, read_error
from greenscale_worker.outcomes.judge import Place, judge_ending, judge_refusal, status_within
from greenscale_worker.outcomes.refusals import REFUSALS as ROWS

PLACE = Place(host="here", model="m")
BARE = "404 at an address without a path"

ANSWERED = Place(host="here", model="m", has_answered=True)


def read(body: Any, *private: str) -> ErrorBody:
    return read_error(body.encode() if isinstance(body, str) else json.dumps(body).encode(), private=private)


OUTCOMES: Mapping[str, type[EngineError]] = {
    "NoCredit": EngineMisconfigured,
    "Unauthorized": EngineMisconfigured,
    "ModelNotFound": EngineMisconfigured,
    "WrongAddress": EngineMisconfigured,
    "Redirected": EngineMisconfigured,
    "NotServed": EngineMisconfigured,
    "PromptTooLong": JobRejected,
    "ContentFiltered": JobRejected,
    "InvalidRequest": JobRejected,
    "TooLarge": JobRejected,
    "RateLimited": EngineInTrouble,
    "Overloaded": EngineInTrouble,
    "Unavailable": EngineInTrouble,
    "Forbidden": Doubtful,
    "NotFound": Doubtful,
    "InvalidRequest?": Doubtful,
    "Refused": Doubtful,
    "ServerError": AttemptFailed,
    "Timeout": AttemptFailed,
}


@pytest.mark.parametrize(("status", "body", "reason"), REFUSALS)
def test_a_refusal_has_its_outcome(status: int, body: Any, reason: str) -> None:
    error = judge_refusal(status, {}, read(body), place=PLACE)

    assert (type(error), error.reason) == (OUTCOMES[reason], reason.rstrip("?"))
    assert SETTINGS.get(reason, "") in error.message
    assert "the prompt was" not in error.message


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Not Found",
        "default backend - 404",
        {"path": "/chat/completions", "error": "Not Found"},
        nested("File Not Found"),
    ],
)
def test_an_address_without_a_path_is_to_blame_for_404(body: Any) -> None:
    error = judge_refusal(404, {}, read(body), place=Place(host="h", model="m", is_bare=True))

    assert (type(error), error.reason) == (EngineMisconfigured, "WrongAddress")


def test_every_row_of_refusals_is_tried() -> None:
    tried = set()
    for status, body, reason in (case.values for case in REFUSALS):
        assert isinstance(status, int)
        within = status_within(read(body)) if status == 200 else status
        tried.add(next(row.name for row in ROWS if row.fits(within, read(body))))
        assert reason in OUTCOMES

    assert {row.name for row in ROWS} - tried == {"the job's parameter", "a default parameter", BARE}, (
        "they are tried below"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"detail": "Not Found"}), (404, HTML), (405, ""), (501, ""), (302, ""), (404, "404 page not found")],
)
def test_the_address_is_not_blamed_once_it_has_answered(status: int, body: Any) -> None:
    """A firewall that dislikes one prompt answers like this too: it must not stop the queue."""
    assert isinstance(judge_refusal(status, {}, read(body), place=ANSWERED), Doubtful)


SETTINGS = {
    "WrongAddress": "engine.openAI.baseURL (OPENAI_BASE_URL)",
    "NoCredit": "no credit",
    "Unauthorized": "engine.openAI.apiKeySecretRef (OPENAI_API_KEY)",
    "ModelNotFound": "engine.openAI.model (GREENSCALE_MODEL)",
    "Redirected": "engine.openAI.baseURL (OPENAI_BASE_URL)",
}


@pytest.mark.parametrize("where", ["job", "defaults"])
@pytest.mark.parametrize(
    ("status", "body", "name", "setting"),
    [
        pytest.param(
            400,
            nested("Unsupported value: 'temperature' does not support 0.7 with this model.", param="temperature"),
            "temperature",
            "temperature",
            id="OpenAI",
        ),
        pytest.param(400, {"error": "temperature must be 1"}, "temperature", "temperature", id="a text"),
        pytest.param(
            422,
            {"detail": [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "x", "input": 3}]},
            "temperature",
            "temperature",
            id="Mistral",
        ),
        pytest.param(
            400,
            nested("max_tokens is too large: 100000. This model supports at most 4096", param="max_tokens"),
            "max_tokens",
            "maxTokens",
            id="too many tokens",
        ),
        pytest.param(
            400,
            [nested('Unknown name "temperature": Cannot find field.', code=400)],
            "temperature",
            "temperature",
            id="Gemini",
        ),
        pytest.param(400, nested("System role not supported", code=400), "system", "system", id="vLLM's template"),
        pytest.param(
            400,
            nested("'messages[0].role' does not support 'system' with this model", param="messages[0].role"),
            "system",
            "system",
            id="a role",
        ),
    ],
)
def test_a_parameter_that_is_refused_is_named(where: str, status: int, body: Any, name: str, setting: str) -> None:
    """What the job asks for is the job's fault; what every job is given is the workload's."""
    asked, defaults = ([name], []) if where == "job" else ([], [name])
    error = judge_refusal(status, {}, read(body), place=PLACE, asked=asked, defaults=defaults)

    assert error.reason == "ParameterRefused"
    assert isinstance(error, JobRejected if where == "job" else EngineMisconfigured)
    assert (f"parameter {setting}" if where == "job" else f"engine.parameters.{setting}") in error.message


def test_what_a_job_says_does_not_decide() -> None:
    """A server that repeats a prompt must not let the prompt stop the queue."""
    prompt = "insufficient_quota: model not found, invalid api key"
    body = read(nested(f"cannot parse: {prompt}", type="invalid_request_error"), prompt)

    assert isinstance(judge_refusal(400, {}, body, place=PLACE), JobRejected)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"error": {"code": ' + b"9" * 400 + b"}}",
        json.dumps({"error": [{"error": [[[{"message": ["x", {"code": [1, None, True]}]}]]]}]}).encode(),
        b"null",
        b'"text"',
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_any_body_has_an_outcome(status: int, body: bytes) -> None:
    assert isinstance(judge_refusal(status, {}, read_error(body), place=PLACE), EngineError)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ([nested("x", code=429, details=[{"@type": "RetryInfo", "retryDelay": "30s"}])], 30),
        ([nested("x", code=429, details=[{"retryDelay": "0.5s"}])], 0.5),
        (nested("x", retry_after=5), 5),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retry_after": True}, None),
        ({"retryDelay": "soon"}, None),
    ],
)
def test_a_body_may_ask_to_wait(body: Any, seconds: float | None) -> None:
    error = judge_refusal(429, {}, read(body), place=PLACE)

    assert isinstance(error, EngineInTrouble)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("ending", "has_text", "expected"),
    [
        *(
            (ending, True, None)
            for ending in ("stop", "length", "eos_token", "STOP", "tool_calls", "end_turn", "MAX_TOKENS", "new_one")
        ),
        *(
            (ending, True, (AttemptFailed, "Aborted"))
            for ending in (
                "abort",
                "error",
                "ABORTED",
                "insufficient_system_resource",
                "network_error",
                "cancelled",
                "OTHER",
            )
        ),
        *(
            (ending, False, (AttemptFailed, "Aborted"))
            for ending in ("abort", "error: engine died", "MALFORMED_FUNCTION_CALL")
        ),
        *(
            (ending, has_text, (JobRejected, "ContentFiltered"))
            for ending in (
                "content_filter",
                "SAFETY",
                "PROHIBITED_CONTENT",
                "RECITATION",
                "content_filter: SAFETY",
                "content_filter: PROHIBITED_CONTENT",
                "BLOCKLIST",
                "SPII",
                "IMAGE_SAFETY",
                "contentFilter",
                "sensitive",
            )
            for has_text in (True, False)
        ),
        ("length", False, (JobRejected, "NoRoomForAnswer")),
        ("MAX_TOKENS", False, (JobRejected, "NoRoomForAnswer")),
        ("stop", False, (AttemptFailed, "NoAnswer")),
        (None, True, (AttemptFailed, "StreamBroken")),
        (None, False, (AttemptFailed, "NoAnswer")),
    ],
)
def test_an_ending_has_its_outcome(
    ending: str | None,
    has_text: bool,  # noqa: FBT001
    expected: tuple[type[EngineError], str] | None,
) -> None:
    error = judge_ending(ending, has_text=has_text, place=PLACE, max_answer_bytes=1)

    assert (None if error is None else (type(error), error.reason)) == expected


def test_a_proxy_is_named() -> None:
    error = judge_refusal(502, {}, read(""), place=Place(host="h", model="m", proxy="HTTPS_PROXY"))

    assert error.message.endswith("(a proxy is in use: HTTPS_PROXY)")
