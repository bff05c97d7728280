"""What other programs push: Go, Java, pandas and .NET write a request as their libraries do."""

import json

import pytest
import redis

from greenscale_jobs import InvalidItem, JobQueue, JobState, Parameters, Turn, parse_item
from greenscale_jobs.pushed import excerpt_of


@pytest.mark.parametrize(
    ("raw", "parameters"),
    [
        pytest.param(b'{"prompt":"x","history":null}', Parameters(), id="a null history"),
        pytest.param(b'{"prompt":"x","parameters":null}', Parameters(), id="null parameters"),
        pytest.param(b'{"prompt":"x","id":""}', Parameters(), id="an empty id"),
        pytest.param(b'{"prompt":"x","id":null}', Parameters(), id="a null id"),
        pytest.param(b'{"prompt":"x","id":42}', Parameters(), id="an id in digits"),
        pytest.param(b'{"prompt":"x","metadata":null}', Parameters(), id="an unknown null"),
        pytest.param(b'{"prompt":"x","parameters":{"topP":null,"system":null}}', Parameters(), id="nulls inside"),
        pytest.param(b'{"prompt":"x","parameters":{"maxTokens":100.0}}', Parameters(100), id="a whole float"),
        pytest.param(b'{"prompt":"x","parameters":{"maxTokens":1e2}}', Parameters(100), id="an exponent"),
        pytest.param(b'{"prompt":"x","parameters":{"temperature":1}}', Parameters(temperature=1), id="a whole number"),
        pytest.param('\ufeff{"prompt":"x"}'.encode(), Parameters(), id="a byte order mark before JSON"),
        pytest.param("\ufeffx".encode(), Parameters(), id="a byte order mark before a text"),
    ],
)
def test_null_and_empty_mean_not_said(raw: bytes, parameters: Parameters) -> None:
    item = parse_item(raw, "42")

    assert (item.id, item.prompt, item.parameters, item.history) == ("42", "x", parameters, ())


def test_nulls_of_a_turn_are_passed_over() -> None:
    raw = b'{"prompt":"x","history":[{"role":"user","content":"a","name":null}]}'

    assert parse_item(raw, "j").history == (Turn("user", "a"),)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"prompt": None}, id="no prompt"),
        pytest.param({"prompt": "x", "id": 4.5}, id="an id with a fraction"),
        pytest.param({"prompt": "x", "id": True}, id="an id that is true"),
        pytest.param({"prompt": "x", "parameters": {"maxTokens": 1.5}}, id="half a token"),
        pytest.param({"prompt": "x", "parameters": {"maxTokens": 0.0}}, id="no token"),
        pytest.param({"prompt": "x", "parameters": {"topP": 0.5}}, id="an unknown parameter"),
        pytest.param({"prompt": "x", "history": [None]}, id="a null turn"),
        pytest.param({"messages": []}, id="an OpenAI request"),
    ],
)
def test_what_does_not_fit_is_told_what_is_allowed(item: object) -> None:
    with pytest.raises(InvalidItem, match=r"the item does not fit: .*; allowed are prompt, id, parameters"):
        parse_item(json.dumps(item).encode(), "j")


async def test_an_item_that_cannot_be_read_is_shown_by_its_beginning(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", b'{"id":"j","promt":"\x1b[2Jhi"}')
    (claim,) = await queue.claim("w") or []
    await queue.bury(claim, "InvalidItem", "it does not fit")
    job = await queue.job("j")

    assert (job.state, job.prompt) == (JobState.DEAD, None)
    assert job.unread == '{"id":"j","promt":"\\x1b[2Jhi"}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"a\nb\t\xff\x00\x9b", "a\\nb\\t\\xff\\x00\\x9b", id="escaped"),
        pytest.param(b"x" * 201, "x" * 200 + "...", id="bounded"),
        pytest.param(b"\x00" * 10_000_000, "\\x00" * 50 + "...", id="bounded when escaped"),
        pytest.param("\u202e漢".encode(), "\\u202e漢", id="bidi marks"),
    ],
)
def test_an_excerpt_is_one_bounded_line(raw: bytes, expected: str) -> None:
    assert excerpt_of(raw) == expected


@pytest.mark.parametrize(
    ("item", "job_id"),
    [
        pytest.param(b'\xef\xbb\xbf{"id":"mine","prompt":"x"}', "mine", id="a byte order mark before it"),
        pytest.param(b'{"id":42,"prompt":"x"}', "42", id="a number"),
    ],
)
async def test_an_id_of_its_own_is_kept(queue: JobQueue, raw: redis.Redis, item: bytes, job_id: str) -> None:
    raw.lpush("jobs", item)
    (claim,) = await queue.claim("w") or []

    assert claim.id == job_id
    assert parse_item(claim.raw, claim.id).prompt == "x"
