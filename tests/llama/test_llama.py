"""The engine against a real model server: what becomes of our jobs, not what the model says."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from greenscale_jobs import JobClient, JobState, Parameters, RedisAddress
from greenscale_testing.llama_server import CONTEXT_TOKENS, LlamaServer

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


@pytest.fixture
def start(start_worker: Start, llama: LlamaServer) -> Callable[[], None]:
    """Start a worker beside the server, as they are in a pod."""

    def start() -> None:
        start_worker(
            GREENSCALE_ENGINE="Server",
            GREENSCALE_SERVER_READY_URL=llama.health_url,
            OPENAI_BASE_URL=llama.base_url,
            GREENSCALE_MODEL="tiny",
            GREENSCALE_BACKOFF_INITIAL_SECONDS="1",
        )

    return start


def test_an_answer_is_streamed_and_its_tokens_are_counted(start: Callable[[], None], client: JobClient) -> None:
    start()
    job_id = client.submit("hello there", parameters=Parameters(max_tokens=40))
    pieces = [event.text for event in client.events(job_id) if event.type == "delta"]
    job = client.job(job_id)

    assert job.state is JobState.DONE
    assert job.result == "".join(pieces)
    assert job.outcome is not None
    assert job.outcome.usage is not None
    assert (job.outcome.usage.completion_tokens, job.outcome.finish_reason) == (40, "length")


def test_a_prompt_that_is_too_long_is_dead_at_once(start: Callable[[], None], client: JobClient) -> None:
    start()
    job = client.result(client.submit("hello " * CONTEXT_TOKENS))

    assert (job.state, job.attempts) == (JobState.DEAD, 1)
    assert job.error is not None
    assert job.error.reason == "PromptTooLong"


def test_a_server_that_is_killed_in_the_middle_of_an_answer_loses_nothing(
    start: Callable[[], None], client: JobClient, llama: LlamaServer
) -> None:
    start()
    job_id = client.submit("go on for ever", parameters=Parameters(max_tokens=CONTEXT_TOKENS - 1000))
    next(event for event in client.events(job_id) if event.type == "delta")
    llama.kill()
    next(event for event in client.events(job_id) if event.type == "delayed")
    client.cancel(job_id)
    waiting = client.submit("hello", parameters=Parameters(max_tokens=5))
    llama.start()
    job = client.result(waiting)

    assert [error.reason for error in client.job(job_id).errors] == ["EngineLost"]
    assert (job.state, job.attempts) == (JobState.DONE, 1)
