"""What other programs push: Go, Java, pandas and .NET write a request as their libraries do."""

import json

import msgspec
import pytest
import redis

from greenscale_jobs import InvalidItem, Item, JobQueue, JobState, NewerItem, Parameters, Turn, new_item, parse_item
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
        pytest.param({"prompt": "x", "v": 0}, id="version 0"),
        pytest.param({"prompt": "x", "v": -2}, id="a negative version"),
        pytest.param({"prompt": "x", "v": "2"}, id="a version that is a text"),
        pytest.param({"prompt": "x", "v": 2.5}, id="half a version"),
        pytest.param({"prompt": "x", "v": True}, id="a version that is true"),
        pytest.param({"prompt": "x", "v": 1, "tools": []}, id="an unknown field in today's version"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_allowed(item: object) -> None:
    with pytest.raises(InvalidItem, match=r"the item does not fit: .*; allowed are prompt, id, parameters"):
        parse_item(json.dumps(item).encode(), "j")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"id":"j","prompt":"x","v":2}', id="no other change"),
        pytest.param(b'{"id":"j","prompt":"x","v":7,"tools":[]}', id="an unknown field"),
        pytest.param(b'{"id":"j","v":2,"prompt":{"parts":[]},"parameters":null}', id="another type, no parameters"),
        pytest.param(b'\xef\xbb\xbf {"v":2}', id="nothing else, after a byte order mark"),
    ],
)
def test_what_a_newer_version_wrote_is_distinguished(raw: bytes) -> None:
    with pytest.raises(NewerItem, match=r"the item has version [27], and this GreenScale reads up to 1: update it"):
        parse_item(raw, "j")


def test_an_item_of_version_1_is_written_as_ever() -> None:
    """Workers of before `v` refuse unknown fields."""
    item = new_item("x", job_id="j", parameters=Parameters(3), history=[Turn("user", "a")])
    written = b'{"id":"j","prompt":"x","parameters":{"maxTokens":3},"history":[{"role":"user","content":"a"}]}'

    assert msgspec.json.encode(item) == written
    assert parse_item(written, "j") == parse_item(written[:-1] + b',"v":1}', "j") == item


def test_a_version_is_written_where_it_is_newer() -> None:
    assert msgspec.json.encode(Item("j", "x", v=2)) == b'{"id":"j","prompt":"x","v":2}'


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
