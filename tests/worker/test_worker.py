"""Real worker processes on a real Redis: what they promise when things go wrong."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator

import pytest
import redis
from msgspec.structs import replace

from greenscale_jobs import Event, JobClient, JobState, RedisAddress
from greenscale_testing.kubernetes import until
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

LONG = " ".join("word" for _ in range(200))
"""Echo says it in 10 s."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def await_event(client: JobClient, job_id: str, kind: str) -> Event:
    return next(event for event in client.events(job_id) if event.type == kind)


def test_a_prompt_is_answered_as_it_is_written(start_worker: Start, client: JobClient) -> None:
    job_id = client.submit("one two three four")
    start_worker()
    events = list(client.events(job_id))
    deltas = [event.text for event in events if event.type == "delta"]

    assert "".join(deltas) == "one two three four"
    assert len(deltas) > 1
    assert client.job(job_id).result == "one two three four"


def test_plain_text_from_redis_cli_is_answered(start_worker: Start, client: JobClient, raw: redis.Redis) -> None:
    raw.lpush("jobs", "hello")
    start_worker()
    sentinel = client.submit("and this")
    client.result(sentinel)

    assert [job.result for job in client.jobs(JobState.DONE).jobs] == ["and this", "hello"]


@pytest.mark.parametrize("item", [b"", b"\xff\xfe", b'{"prompt":', b'{"promt": "x"}', b"x" * (1024 * 1024 + 1)])
def test_no_item_stops_a_worker(start_worker: Start, client: JobClient, raw: redis.Redis, item: bytes) -> None:
    raw.lpush("jobs", item)
    good = client.submit("good")
    start_worker(GREENSCALE_CONCURRENCY="1")

    assert client.result(good).result == "good"
    (dead,) = client.jobs(JobState.DEAD).jobs
    assert dead.error is not None
    assert dead.error.reason == "InvalidItem"


def test_a_killed_worker_loses_nothing(start_worker: Start, client: JobClient) -> None:
    """The promise of the whole: `kill -9` in the middle of a job."""
    first = start_worker(GREENSCALE_LEASE_SECONDS="2", GREENSCALE_MAX_ATTEMPTS="2")
    job_id = client.submit("a b c d e f g h i j k l m n o p q r s t u v w x y z")
    await_event(client, job_id, "delta")
    first.kill()
    start_worker(GREENSCALE_LEASE_SECONDS="2")
    job = client.result(job_id)

    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert [error.reason for error in job.errors] == ["WorkerLost"]


def test_a_long_job_outlives_many_leases(start_worker: Start, client: JobClient) -> None:
    start_worker(GREENSCALE_LEASE_SECONDS="1")
    job = client.result(client.submit(" ".join("word" for _ in range(70))))

    assert (job.state, job.attempts) == (JobState.DONE, 1)


def test_sigterm_finishes_what_runs_and_claims_no_more(start_worker: Start, client: JobClient) -> None:
    worker = start_worker(GREENSCALE_CONCURRENCY="1")
    running = client.submit("a b c d e f g h i j k l m n o p q r s t")
    waiting = client.submit("next")
    await_event(client, running, "delta")
    worker.terminate()

    assert worker.wait(20) == 0
    assert client.job(running).state is JobState.DONE
    assert client.job(waiting).state is JobState.WAITING


@pytest.mark.parametrize("how", ["the grace period ends", "SIGTERM comes twice"])
def test_what_cannot_be_finished_is_released(
    start_worker: Start, client: JobClient, worker_log: Callable[[], str], how: str
) -> None:
    """It starts again elsewhere at once, and the attempt is not counted."""
    worker = start_worker(GREENSCALE_GRACE_SECONDS="0.2" if how == "the grace period ends" else "60")
    job_id = client.submit(LONG)
    await_event(client, job_id, "delta")
    worker.terminate()
    if how == "SIGTERM comes twice":
        until(lambda: " stopping " in worker_log(), seconds=30)  # of two at once the kernel delivers one
        worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0
    job = client.job(job_id)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)


def test_a_running_job_is_cancelled(start_worker: Start, client: JobClient) -> None:
    start_worker()
    job_id = client.submit(LONG)
    await_event(client, job_id, "delta")
    client.cancel(job_id)

    assert client.result(job_id).state is JobState.CANCELLED


def test_a_job_that_takes_too_long_is_stopped(start_worker: Start, client: JobClient) -> None:
    start_worker(GREENSCALE_JOB_TIMEOUT_SECONDS="0.5", GREENSCALE_MAX_ATTEMPTS="1")
    client.result(client.submit("short"))
    job = client.result(client.submit(LONG))

    assert job.state is JobState.DEAD
    assert job.error is not None
    assert job.error.reason == "TimeLimit"


def test_a_worker_outlives_its_redis(own_redis: RedisServer, start_worker: Start) -> None:
    own_redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_redis.start()
    start_worker(redis=own_redis.address)
    with JobClient(own_redis.address) as client:
        running = client.submit("a b c d e f g h i j k l m n o p q r s t u v w x y z")
        await_event(client, running, "delta")
        own_redis.stop(kill=True)
        own_redis.start()

        assert client.result(running).state is JobState.DONE
        assert client.result(client.submit("after")).result == "after"


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(own_redis: RedisServer, start_worker: Start) -> None:
    start_worker(redis=own_redis.address)
    own_redis.start()
    with JobClient(own_redis.address) as client:
        assert client.result(client.submit("hi")).result == "hi"


def test_a_wrong_environment_is_reported_in_one_line(start_worker: Start, worker_log: Callable[[], str]) -> None:
    worker = start_worker(GREENSCALE_CONCURRENCY="many", REDIS_PORT="x")

    assert worker.wait(10) == 2
    (line,) = worker_log().splitlines()
    assert "GREENSCALE_CONCURRENCY=many" in line
    assert "REDIS_PORT" in line


def test_liveness_is_answered_by_the_loop(start_worker: Start, client: JobClient) -> None:
    port = free_port()
    start_worker(GREENSCALE_LIVENESS_PORT=str(port))
    client.result(client.submit("hi"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez") as reply:
        answer = json.load(reply)

    assert answer["lastTurnSeconds"] < 20


def test_logs_tell_no_prompt(start_worker: Start, client: JobClient, worker_log: Callable[[], str]) -> None:
    worker = start_worker(GREENSCALE_LOG_FORMAT="json", OPENAI_API_KEY="sk-secret")
    client.result(client.submit("a secret prompt"))
    worker.terminate()
    worker.wait(10)
    lines = [json.loads(line) for line in worker_log().splitlines()]

    events = [line["event"] for line in lines if line["event"] != "jobs_may_be_lost"]  # may come at any moment
    assert events == ["started", "claimed", "done", "stopping", "stopped"]
    assert "secret" not in worker_log()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_logs_tell_where_redis_is_and_not_its_password(
    start_worker: Start, own_redis: RedisServer, worker_log: Callable[[], str], log_format: str
) -> None:
    own_redis.start()
    with redis.Redis(port=own_redis.address.port) as plain:
        plain.config_set("requirepass", "sesame")
    address = replace(own_redis.address, password="sesame")
    worker = start_worker(redis=address, REDIS_PASSWORD="sesame", GREENSCALE_LOG_FORMAT=log_format)
    with JobClient(address) as client:
        client.result(client.submit("hi"))
    worker.terminate()
    worker.wait(10)

    assert str(address) in worker_log()
    assert "sesame" not in worker_log()


def test_the_echo_path_imports_no_openai() -> None:
    """Half a second and 27 MB that nobody asked for."""
    program = (
        "import sys; import greenscale_worker.main; from greenscale_worker.settings import read_settings; "
        "settings = read_settings({'GREENSCALE_ENGINE': 'Echo'}, process_id=1); settings.runner.make(settings.common); "
        "unused = {'openai', 'aiohttp', 'pydantic', 'httpx2', 'dotenv', 'greenscale_worker.outcomes'}; "
        "sys.exit(', '.join(unused & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
