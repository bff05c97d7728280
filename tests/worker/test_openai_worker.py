"""Real worker processes before a server that speaks OpenAI's protocol: what becomes of its answers and refusals."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.openai_server import serving

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


async def test_an_engine_that_refuses_the_key_costs_no_attempt(
    start_worker: Start, client: JobClient, worker_log: Callable[[], str]
) -> None:
    """401 for every job: nothing is buried, and the job says why it waits."""
    async with serving() as (_, url):
        start_worker(GREENSCALE_ENGINE="OpenAI", OPENAI_BASE_URL=url, OPENAI_API_KEY="sk-bad", GREENSCALE_MODEL="401")
        job_id = client.submit("hi")
        while (job := client.job(job_id)).state is not JobState.DELAYED:
            await server_turn()

    assert (job.attempts, job.errors) == (0, ())
    assert job.uncharged is not None
    assert (job.uncharged.count, job.uncharged.reason) == (1, "Unauthorized")
    assert "OPENAI_API_KEY" in job.uncharged.message
    assert "sk-bad" not in worker_log()


async def test_openai_answers_through_the_queue(start_worker: Start, client: JobClient) -> None:
    async with serving() as (_, url):
        start_worker(GREENSCALE_ENGINE="OpenAI", OPENAI_BASE_URL=url, GREENSCALE_MODEL="echo")
        job_id = client.submit("one two three")
        while not (job := client.job(job_id)).state.final:
            await server_turn()

    assert (job.state, job.result) == (JobState.DONE, "one two three")
    assert job.outcome is not None
    assert job.outcome.usage is not None
    assert job.outcome.usage.completion_tokens == 3


@pytest.mark.parametrize(("model", "reason"), [("400", "InvalidRequest"), ("413", "TooLarge")])
async def test_a_job_that_can_never_succeed_is_buried_at_once(
    start_worker: Start, client: JobClient, model: str, reason: str
) -> None:
    async with serving() as (server, url):
        start_worker(GREENSCALE_ENGINE="OpenAI", OPENAI_BASE_URL=url, GREENSCALE_MODEL=model)
        job_id = client.submit("hi")
        while not (job := client.job(job_id)).state.final:
            await server_turn()

    assert (job.state, job.attempts, len(server.requests)) == (JobState.DEAD, 1, 1)
    assert job.error is not None
    assert job.error.reason == reason


async def test_a_job_that_fails_beside_others_that_are_done_is_charged(start_worker: Start, client: JobClient) -> None:
    async with serving() as (server, url):
        start_worker(
            GREENSCALE_ENGINE="OpenAI",
            OPENAI_BASE_URL=url,
            GREENSCALE_MODEL="moody",
            GREENSCALE_BACKOFF_INITIAL_SECONDS="0.1",
        )
        good = client.submit("good")
        while not client.job(good).state.final:
            await server_turn()
        job_id = client.submit("refuse 500 9")
        while not (job := client.job(job_id)).state.final:
            await server_turn()

    assert (job.state, job.attempts, len(server.requests)) == (JobState.DEAD, 3, 1 + 3)
    assert [error.reason for error in job.errors] == ["ServerError"] * 3


async def test_a_job_that_fails_where_none_was_done_is_not(start_worker: Start, client: JobClient) -> None:
    """It may be the engine: 500 for every job must not empty the queue."""
    async with serving() as (_, url):
        start_worker(
            GREENSCALE_ENGINE="OpenAI", OPENAI_BASE_URL=url, GREENSCALE_MODEL="500", GREENSCALE_MAX_ATTEMPTS="1"
        )
        job_id = client.submit("hi")
        while (job := client.job(job_id)).state is not JobState.DELAYED:
            await server_turn()

    assert (job.attempts, job.uncharged and job.uncharged.reason) == (0, "ServerError")


@pytest.mark.parametrize("model", ["hang", "silent"], ids=["in the middle of an answer", "before an answer"])
@pytest.mark.parametrize("why", ["the time limit", "a cancellation"])
async def test_a_call_that_is_stopped_is_seen_closed_by_the_server(
    start_worker: Start, client: JobClient, model: str, why: str
) -> None:
    """A call that nobody waits for must not go on costing tokens."""
    limit = "4" if why == "the time limit" else "60"  # `openai` is imported within it
    async with serving() as (server, url):
        start_worker(
            GREENSCALE_ENGINE="OpenAI",
            OPENAI_BASE_URL=url,
            GREENSCALE_MODEL=model,
            GREENSCALE_JOB_TIMEOUT_SECONDS=limit,
            GREENSCALE_MAX_ATTEMPTS="1",
        )
        job_id = client.submit("hi")
        await server.asked.wait()
        if why == "a cancellation":
            client.cancel(job_id)
        async with asyncio.timeout(10):
            await server.gone.wait()
        while (job := client.job(job_id)).state is JobState.RUNNING:
            await server_turn()

    assert job.state is (JobState.DELAYED if why == "the time limit" else JobState.CANCELLED)
    assert (job.uncharged and job.uncharged.reason) == ("TimeLimit" if why == "the time limit" else None)


async def test_a_server_that_says_when_is_asked_then(start_worker: Start, client: JobClient) -> None:
    async with serving() as (server, url):
        start_worker(
            GREENSCALE_ENGINE="OpenAI",
            OPENAI_BASE_URL=url,
            GREENSCALE_MODEL="429-seconds",
            GREENSCALE_BACKOFF_INITIAL_SECONDS="0.1",
        )
        job_id = client.submit("hi")
        await server.asked.wait()
        while (job := client.job(job_id)).state is not JobState.DELAYED:
            await server_turn()

    assert job.uncharged is not None
    assert job.due_at is not None
    assert 6.5 <= job.due_at - job.uncharged.last_at <= 7


async def test_a_refused_key_slows_the_worker_until_it_is_good(
    start_worker: Start, client: JobClient, worker_log: Callable[[], str]
) -> None:
    """One job at a time finds out; then all go on, with all their attempts."""

    def waits() -> list[float]:
        lines = [json.loads(line) for line in worker_log().splitlines()]
        return [line["next_try_seconds"] for line in lines if line["event"] == "engine_unavailable"]

    async with serving() as (server, url):
        ids = [client.submit(f"{number}") for number in range(20)]
        start_worker(
            GREENSCALE_ENGINE="OpenAI",
            OPENAI_BASE_URL=url,
            OPENAI_API_KEY="sk-bad",
            GREENSCALE_MODEL="keyed",
            GREENSCALE_CONCURRENCY="8",
            GREENSCALE_LOG_FORMAT="json",
        )
        while len(waits()) < 2:
            await server_turn()
        asked = len(server.requests)
        server.key_is_good = True
        while client.stats().counters.get("done", 0) < len(ids):
            await server_turn()
        attempts = {client.job(job_id).attempts for job_id in ids}

    assert (asked, waits()) == (8 + 1, [5, 5])
    assert attempts == {1}


async def server_turn() -> None:
    """Let the server in this loop work; the queue is read by the plain client in between."""
    await asyncio.sleep(0.02)
