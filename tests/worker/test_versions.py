"""A real worker and jobs that a newer version of GreenScale wrote: it leaves them to a newer worker, and says so."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import pytest
import redis

from greenscale_jobs import Event, JobClient, JobState, RedisAddress
from greenscale_jobs.document import document
from greenscale_jobs.records import ITEM_VERSION

Start = Callable[..., "subprocess.Popen[str]"]

NEWER = ITEM_VERSION + 1

MESSAGE = (
    f"jobs of version {NEWER} wait, and this worker (GreenScale {version('greenscale')}) reads up to version "
    f"{ITEM_VERSION}: set spec.worker.image to the operator's version, or remove it"
)


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def push(raw: redis.Redis, job_id: str) -> None:
    """Submit what only a newer worker can read."""
    item = json.dumps({"id": job_id, "prompt": {"parts": ["hi"]}, "v": NEWER, "tools": []})
    raw.hset(f"jobs:job:{job_id}", mapping={"state": "waiting", "item": item})
    raw.lpush("jobs", item)


def postponed(client: JobClient, job_id: str) -> Event:
    return next(event for event in client.events(job_id) if event.type == "delayed")


def await_fault(client: JobClient) -> None:
    """Wait for the report, for less than it takes until the job is claimed again."""
    deadline = time.monotonic() + 5
    while client.stats().fault is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.stats().fault == MESSAGE


def test_a_newer_job_is_due_again_in_ten_seconds_and_pays_nothing(
    start_worker: Start, client: JobClient, raw: redis.Redis
) -> None:
    push(raw, "newer")
    start_worker(GREENSCALE_MAX_ATTEMPTS="1")
    event = postponed(client, "newer")
    job = client.job("newer")

    assert (job.state, job.attempts, job.errors) == (JobState.DELAYED, 0, ())
    assert job.uncharged is not None
    assert (job.uncharged.reason, job.uncharged.message) == ("NewerVersion", MESSAGE)
    assert (job.due_at or 0) - event.at == pytest.approx(10, abs=0.1)


def test_the_fault_names_the_image_to_set(start_worker: Start, client: JobClient, raw: redis.Redis) -> None:
    push(raw, "newer")
    start_worker()
    postponed(client, "newer")
    await_fault(client)


def test_an_answer_to_another_job_does_not_withdraw_the_fault_for_long(
    start_worker: Start, client: JobClient, raw: redis.Redis
) -> None:
    push(raw, "newer")
    start_worker()
    postponed(client, "newer")
    client.result(client.submit("hi"))

    await_fault(client)


def test_other_jobs_go_on_side_by_side(start_worker: Start, client: JobClient, raw: redis.Redis) -> None:
    """The engine was not asked: nothing is slowed down, and no job finds out whether it works."""
    for number in range(20):
        push(raw, f"newer-{number}")
    jobs = [client.submit(" ".join("word" for _ in range(20))) for _ in range(4)]
    start_worker(GREENSCALE_CONCURRENCY="4")
    done = [client.result(job_id) for job_id in jobs]

    assert max(job.claimed_at or 0 for job in done) < min(job.finished_at or 0 for job in done), "all four at once"
    assert client.stats().counters["postponed"] == 20


def test_a_newer_job_is_never_given_up(start_worker: Start, client: JobClient, raw: redis.Redis) -> None:
    raw.hset("jobs:job:newer", mapping={"unchargedTries": 9, "unchargedFirstAt": 1, "state": "waiting"})
    raw.hset("jobs:job:newer", "item", json.dumps({"id": "newer", "v": NEWER}))
    raw.lpush("jobs", '{"id":"newer"}')
    start_worker()
    postponed(client, "newer")

    assert client.job("newer").state is JobState.DELAYED


def test_settings_of_a_newer_operator_are_named_in_one_warning(
    start_worker: Start, client: JobClient, worker_log: Callable[[], str]
) -> None:
    start_worker(GREENSCALE_BATCH="4", WORKER_SETTINGS='{"batchSeconds": 1}', KUBERNETES_SERVICE_HOST="10.96.0.1")
    client.result(client.submit("hi"))
    (warning,) = [line for line in worker_log().splitlines() if "settings_ignored" in line]

    assert 'names="GREENSCALE_BATCH, WORKER_SETTINGS.batchSeconds"' in warning
    assert "set spec.worker.image to its version" in warning


def test_a_reader_shows_a_newer_job_by_its_beginning(client: JobClient, raw: redis.Redis) -> None:
    push(raw, "newer")
    (job,) = client.jobs(JobState.WAITING).jobs

    assert (job.state, job.prompt) == (JobState.WAITING, None)
    assert document(job)["unread"].startswith('{"id": "newer", "prompt": {"parts"')
