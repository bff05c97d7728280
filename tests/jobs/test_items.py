"""Items of any client: which are adopted, which are refused, and which id they get."""

import json

import pytest
import redis

from greenscale_jobs import DuplicateJob, InvalidItem, JobQueue, JobState, Limits, Parameters, parse_item
from greenscale_testing.claims import claim_one, done
from greenscale_testing.local_redis import Clock

LEASE_SECONDS = Limits().lease_seconds


async def test_plain_text_is_adopted_as_a_prompt(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", "hello, world")
    claim = await claim_one(queue)
    await queue.finish([done(claim)])
    job = await queue.job(claim.id)

    assert (job.prompt, job.result, job.submitted_at) == ("hello, world", "answer", None)


async def test_json_of_any_client_keeps_its_id(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", json.dumps({"prompt": "x", "id": "mine-1", "parameters": {"maxTokens": 3}}))
    claim = await claim_one(queue)

    assert claim.id == "mine-1"
    assert parse_item(claim.raw, claim.id).parameters == Parameters(max_tokens=3)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(b"hello", id="plain text"),
        pytest.param(b'{"prompt": "x"}', id="JSON without an id"),
        pytest.param(b'{"prompt": "x", "id": "mine"}', id="JSON with its id last"),
        pytest.param(b"\xff\xfe", id="no text at all"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_an_adopted_item_keeps_its_id_over_attempts(
    queue: JobQueue, raw: redis.Redis, clock: Clock, item: bytes
) -> None:
    """A prompt that kills its worker must not come back as a new job for ever."""
    raw.lpush("jobs", item)
    first = await claim_one(queue)
    clock.advance(LEASE_SECONDS + 1)
    await queue.maintain()
    second = await claim_one(queue)

    assert (second.id, second.raw, second.attempt) == (first.id, item, 1)


async def test_an_id_is_used_once(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("hi", job_id="mine")
    with pytest.raises(DuplicateJob, match="mine"):
        await queue.submit("other", job_id="mine")
    raw.lpush("jobs", json.dumps({"id": "mine", "prompt": "other"}))
    claims = await queue.claim("w", 5)
    dead = await queue.jobs(JobState.DEAD)

    assert [claim.id for claim in claims or []] == ["mine"]
    assert [job.error.reason for job in dead.jobs if job.error] == ["DuplicateId"]


async def test_an_item_that_is_too_large_goes_to_the_dead(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", b"x" * (8 * 1024 * 1024 + 1))
    claims = await queue.claim("w")
    (job,) = (await queue.jobs(JobState.DEAD)).jobs

    assert claims == []
    assert job.error is not None
    assert job.error.reason == "TooLarge"
    assert raw.hstrlen(f"jobs:job:{job.id}", "item") == 8 * 1024 * 1024 + 1


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"  \n", "empty", id="blank"),
        pytest.param(b"\xff\xfe", "UTF-8", id="not UTF-8"),
        pytest.param(b'{"prompt": "x"', "is not valid JSON", id="cut JSON"),
        pytest.param(b'{"prompt": 5}', "Expected `str`, got `int` - at `$.prompt`", id="a wrong type"),
        pytest.param(b'{"prompt": "x", "promt": "y"}', "unknown field `promt`", id="an unknown field"),
        pytest.param(b'{"id": "job"}', "missing required field `prompt`", id="no prompt"),
        pytest.param(b'{"id": "a b", "prompt": "x"}', "its id must have", id="a bad id"),
        pytest.param(b'{"id": [7], "prompt": "x"}', "at `$.id`", id="an id that is no text"),
        pytest.param(b'{"prompt": "x", "parameters": {"maxTokens": 0}}', ">= 1", id="out of bounds"),
        pytest.param(b'{"prompt": "\\ud800"}', "is not valid JSON", id="half a surrogate pair"),
        pytest.param(b"x" * (1024 * 1024 + 1), "at most 1048576", id="a byte too many"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, "item", id="very deep"),
    ],
)
def test_a_bad_item_says_what_is_wrong(item: bytes, complaint: str) -> None:
    with pytest.raises(InvalidItem) as caught:
        parse_item(item, "job")

    assert complaint in str(caught.value)


def test_a_prompt_of_the_full_size_is_taken() -> None:
    assert len(parse_item(b"x" * 1024 * 1024, "job").prompt) == 1024 * 1024


async def test_a_prompt_of_control_characters_of_the_full_size_fits(queue: JobQueue) -> None:
    """JSON writes each in six bytes: the item's limit must leave room."""
    await queue.submit("\x01" * 1024 * 1024)

    assert len(parse_item((await claim_one(queue)).raw, (await queue.jobs(JobState.RUNNING)).jobs[0].id).prompt)
