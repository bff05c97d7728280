"""What was said before a prompt goes with it, and counts against its limit."""

import json

import pytest
import redis

from greenscale_jobs import (
    InvalidItem,
    JobClient,
    JobQueue,
    JobState,
    KeyReused,
    Parameters,
    RedisAddress,
    Turn,
    parse_item,
)
from greenscale_jobs.records import MAX_ITEM_BYTES, MAX_PROMPT_BYTES, MAX_TURNS

HISTORY = (Turn("user", "Why is the sky blue?"), Turn("assistant", "It scatters blue light."))


async def test_the_history_goes_to_the_worker_and_to_the_reader(queue: JobQueue, address: RedisAddress) -> None:
    with JobClient(address) as client:
        job_id = client.submit("And at night?", history=HISTORY)
        (claim,) = await queue.claim("w") or []

        assert parse_item(claim.raw, claim.id).history == HISTORY
        assert client.job(job_id).history == HISTORY
        assert [job.history for job in client.jobs(JobState.RUNNING).jobs] == [HISTORY]


async def test_a_job_without_one_is_written_as_before(queue: JobQueue, raw: redis.Redis) -> None:
    job_id = await queue.submit("hi")

    assert json.loads(raw.lindex("jobs", 0) or "") == {"id": job_id, "prompt": "hi", "parameters": {}}


async def test_any_client_may_push_a_history(queue: JobQueue, raw: redis.Redis) -> None:
    turns = [{"role": turn.role, "content": turn.content} for turn in HISTORY]
    raw.lpush("jobs", json.dumps({"prompt": "And at night?", "history": turns}))
    (claim,) = await queue.claim("w") or []

    assert parse_item(claim.raw, claim.id).history == HISTORY


@pytest.mark.parametrize(
    "turn", [{"role": "system", "content": "x"}, {"role": "user"}, {"role": "user", "text": "x"}, "x"]
)
def test_a_pushed_turn_that_does_not_fit_is_named(turn: object) -> None:
    with pytest.raises(InvalidItem, match=r"does not fit: .*history"):
        parse_item(json.dumps({"prompt": "hi", "history": [turn]}).encode(), "j")


async def test_prompt_and_history_share_one_limit(queue: JobQueue) -> None:
    half = "a" * (MAX_PROMPT_BYTES // 2)
    await queue.submit(half, history=[Turn("user", half)])
    with pytest.raises(
        InvalidItem, match=f"the prompt has {len(half) + 1} bytes and the history {len(half)}; together at most 1048576"
    ):
        await queue.submit(half + "a", history=[Turn("user", half)])

    assert (await queue.stats()).pending == 1


async def test_the_system_text_counts_too(queue: JobQueue) -> None:
    half = "a" * (MAX_PROMPT_BYTES // 2)
    await queue.submit(half, parameters=Parameters(system=half))
    with pytest.raises(
        InvalidItem, match=f"the prompt has {len(half)} bytes, its system text {len(half) + 1}; at most"
    ):
        await queue.submit(half, parameters=Parameters(system=half + "a"))
    with pytest.raises(InvalidItem, match="together at most 1048576"):
        await queue.submit("hi", parameters=Parameters(system=half), history=[Turn("user", half)])

    assert (await queue.stats()).pending == 1


@pytest.mark.parametrize(
    ("history", "message"),
    [
        pytest.param([Turn("system", "x")], "is user or assistant, not 'system'", id="a role"),  # type: ignore[arg-type]
        pytest.param([Turn("user", "\ud800")], "half a surrogate pair", id="no Unicode"),
        pytest.param([Turn("user", "")] * (MAX_TURNS + 1), "10001 turns; at most 10000", id="too many"),
    ],
)
async def test_a_history_that_no_worker_could_read_is_refused(
    queue: JobQueue, history: list[Turn], message: str
) -> None:
    with pytest.raises(InvalidItem, match=message):
        await queue.submit("hi", history=history)


async def test_the_largest_history_can_be_claimed(queue: JobQueue) -> None:
    """However JSON has to write it."""
    turns = [Turn("assistant", "\x01" * (MAX_PROMPT_BYTES // MAX_TURNS - 1))] * MAX_TURNS
    await queue.submit("hi", history=turns)
    (claim,) = await queue.claim("w") or []

    assert len(claim.raw) < MAX_ITEM_BYTES
    assert len(parse_item(claim.raw, claim.id).history) == MAX_TURNS


async def test_another_history_is_another_request(queue: JobQueue) -> None:
    await queue.submit("And at night?", history=HISTORY, idempotency_key="k")
    await queue.submit("And at night?", history=HISTORY, idempotency_key="k")
    with pytest.raises(KeyReused, match="another history"):
        await queue.submit("And at night?", idempotency_key="k")
