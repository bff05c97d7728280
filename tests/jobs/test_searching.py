"""What a search finds, how far it looks, and that it never holds Redis up."""

import time

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenscale_jobs import (
    Finished,
    Job,
    JobClient,
    JobQueue,
    JobState,
    Outcome,
    RedisAddress,
    SearchTooLong,
    searching,
)
from greenscale_testing.local_redis import Clock


async def done(queue: JobQueue, prompt: str, answer: str = "answer", *, worker: str = "w", job_id: str = "") -> str:
    job_id = await queue.submit(prompt, job_id=job_id or None)
    (claim,) = await queue.claim(worker) or []
    await queue.finish([Finished(claim, answer, Outcome())])
    return job_id


def ids(client: JobClient, state: JobState = JobState.DONE, **wanted: object) -> list[str]:
    return [job.id for job in client.search(state, **wanted).jobs]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", True, id="everything"),
        pytest.param("THE QUICK", True, id="in the prompt, however it is written"),
        pytest.param('say "no"\n', True, id="in the prompt, though JSON writes it otherwise"),
        pytest.param("Straße", True, id="not English"),
        pytest.param("STRAßE", True, id="other letters stand as they are"),
        pytest.param("STRASSE", False, id="other letters are not folded"),
        pytest.param("lazy dog", True, id="in the answer"),
        pytest.param("pod-7", True, id="the worker"),
        pytest.param("the-id", True, id="the id"),
        pytest.param("a.*b [", True, id="not a pattern"),
        pytest.param("parameters", False, id="not what is around the prompt"),
        pytest.param("secret system", False, id="not the parameters"),
        pytest.param("nothing of this", False, id="nowhere"),
    ],
)
async def test_a_text_is_found_where_a_reader_sees_it(
    queue: JobQueue, address: RedisAddress, text: str, *, found: bool
) -> None:
    prompt = 'The quick fox: say "no"\nin the Straße, a.*b ['
    await done(queue, prompt, "a lazy DOG", worker="pod-7", job_id="the-id")
    with JobClient(address) as client:
        assert ids(client, text=text) == (["the-id"] if found else [])


async def test_what_a_program_pushed_is_found_as_it_reads(raw: redis.Redis, address: RedisAddress) -> None:
    """Python's json writes other letters as escapes; a plain text has no id yet."""
    raw.lpush("jobs", '{"prompt": "caf\\u00e9"}', "plain \\ text", b'{"broken", b\xff')
    with JobClient(address) as client:
        assert [job.prompt for job in client.search(JobState.WAITING, text="café").jobs] == ["café"]
        assert [job.prompt for job in client.search(JobState.WAITING, text="PLAIN \\").jobs] == ["plain \\ text"]


async def test_of_the_errors_the_last_counts(queue: JobQueue, address: RedisAddress, clock: Clock) -> None:
    job_id = await queue.submit("hi")
    (claim,) = await queue.claim("w") or []
    await queue.retry(claim, "First", "see http://first/", delay_seconds=0)
    clock.advance(1)
    await queue.maintain()
    (claim,) = await queue.claim("w") or []
    await queue.bury(claim, "Second", "see http://second/")
    with JobClient(address) as client:
        assert ids(client, JobState.DEAD, text="HTTP://second/") == [job_id]
        assert ids(client, JobState.DEAD, text="second") == [job_id]
        assert ids(client, JobState.DEAD, text="first") == []


async def test_the_time_is_when_it_ended_else_began_else_was_sent(
    queue: JobQueue, address: RedisAddress, clock: Clock
) -> None:
    sent_at = clock()
    await queue.submit("1", job_id="ended")
    await queue.submit("2", job_id="running")
    await queue.submit("3", job_id="waiting")
    clock.advance(100)
    ended, _ = await queue.claim("w", 2) or []
    clock.advance(100)
    await queue.finish([Finished(ended, "a", Outcome())])
    states = {JobState.WAITING: 0, JobState.RUNNING: 100, JobState.DONE: 200}
    with JobClient(address) as client:
        for state, after in states.items():
            at = sent_at + after
            assert len(ids(client, state, since=at - 1, until=at + 1)) == 1
            assert ids(client, state, since=at + 1) == []
            assert ids(client, state, until=at - 1) == []


async def test_the_cancelled_can_be_distinguished_from_the_done(queue: JobQueue, address: RedisAddress) -> None:
    await done(queue, "done", job_id="d")
    await queue.submit("cancelled", job_id="c")
    await queue.cancel("c")
    with JobClient(address) as client:
        assert ids(client, JobState.CANCELLED) == ["c"]
        assert sorted(ids(client, JobState.DONE)) == ["c", "d"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(prompts=st.lists(st.sampled_from(["one", "two", 'th"ree', "two\n"]), max_size=12), limit=st.integers(1, 5))
async def test_pages_together_are_all_that_fit(
    prompts: list[str], limit: int, raw: redis.Redis, address: RedisAddress
) -> None:
    """Beside what Python finds in all jobs."""
    raw.flushall()
    with JobClient(address) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "STEP_RECORDS", 3)
        for prompt in prompts:
            client.submit(prompt)
        everything = client.jobs(JobState.WAITING).jobs
        found: list[Job] = []
        cursor = looked_at = 0
        while True:
            page = client.search(JobState.WAITING, text="TWO", cursor=cursor, limit=limit)
            found, looked_at = [*found, *page.jobs], looked_at + page.looked_at
            assert len(page.jobs) <= limit
            if page.cursor is None:
                break
            cursor = page.cursor

        assert [job.id for job in found] == [job.id for job in everything if "two" in (job.prompt or "")]
        assert (looked_at, page.total) == (len(prompts), len(prompts))


async def test_jobs_that_are_done_meanwhile_do_not_shift_the_pages(
    queue: JobQueue, address: RedisAddress, clock: Clock
) -> None:
    for number in range(4):
        await done(queue, "hi", job_id=f"old-{number}")
    with JobClient(address) as client:
        first = client.search(JobState.DONE, limit=2)
        clock.advance(1)
        await done(queue, "hi", job_id="new")
        second = client.search(JobState.DONE, cursor=first.cursor or 0, limit=10)

    assert sorted(job.id for job in (*first.jobs, *second.jobs)) == [f"old-{number}" for number in range(4)]


async def test_a_step_ends_with_its_bytes_and_one_record_always_goes(
    queue: JobQueue, address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "STEP_BYTES", 1)
    for _ in range(3):
        await queue.submit("more than a byte")
    with JobClient(address) as client:
        step = client.run(
            searching.search_step(client.keys, JobState.WAITING, text="", since=None, until=None, cursor=0, limit=9)
        )

        assert (step.looked_at, step.cursor, step.total) == (1, 2, 3)
        assert client.search(JobState.WAITING).looked_at == 3


async def test_broken_records_do_not_hide_the_others(queue: JobQueue, raw: redis.Redis, address: RedisAddress) -> None:
    kept = await done(queue, "kept")
    gone = await done(queue, "gone")
    raw.delete(f"jobs:job:{gone}")
    raw.hset(f"jobs:job:{await done(queue, 'bad')}", mapping={"item": b"\xff{", "errors": "no json"})
    half = await done(queue, "half")
    raw.delete(f"jobs:job:{half}")
    raw.hset(f"jobs:job:{half}", "result", "left over")
    raw.lpush("jobs:dead", "no json")
    with JobClient(address) as client:
        assert ids(client, text="kept") == [kept]
        assert [job.error and job.error.reason for job in client.search(JobState.DEAD).jobs] == ["Unreadable"]


async def test_long_errors_do_not_hold_redis_up(queue: JobQueue, raw: redis.Redis, address: RedisAddress) -> None:
    """Its time grew with the square of an error's length: the last of these took Redis half a minute."""
    await queue.submit("hi", job_id="often-failed")
    (claim,) = await queue.claim("w") or []
    raw.hset("jobs:job:often-failed", "errors", b"x" * 100_000)
    await queue.retry(claim, "R", "the last", delay_seconds=60)
    with JobClient(address) as client:
        found = {text: len(client.search(JobState.DELAYED, text=text).jobs) for text in ("the last", "xxx")}

    assert found == {"the last": 1, "xxx": 0}


async def test_a_text_that_would_hold_redis_up_is_refused(queue: JobQueue, address: RedisAddress) -> None:
    await queue.submit("a" * 1000)
    with JobClient(address) as client:
        assert len(client.search(JobState.WAITING, text="a" * 1000).jobs) == 1
        with pytest.raises(SearchTooLong, match="has 1001 bytes, more than the 1000"):
            client.search(JobState.WAITING, text="a" * 1001)


async def test_a_long_search_says_how_far_it_came(
    queue: JobQueue, address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenscale_jobs.searching.SEARCH_SECONDS", -1.0)
    monkeypatch.setattr(searching, "STEP_RECORDS", 2)
    for _ in range(5):
        await queue.submit("hi")
    with JobClient(address) as client:
        began = time.monotonic()
        page = client.search(JobState.WAITING, text="nowhere")

    assert (page.jobs, page.looked_at, page.total, page.cursor) == ((), 2, 5, 3)
    assert time.monotonic() - began < 5
