"""`greenscale local`: the main job, with real processes."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from greenscale_jobs import JobClient, JobState
from greenscale_testing.instances import GREENSCALE, Instance, Make, samples

LONG = " ".join("word" for _ in range(120))
"""Echo says it in 6 s: longer than the cooldown of these workloads, and than their lease."""

Client = Callable[[Instance], JobClient]


def await_delta(client: JobClient, job_id: str) -> None:
    next(event for event in client.events(job_id) if event.type == "delta")


def changes(replicas: list[int]) -> list[int]:
    return [now for before, now in zip([None, *replicas], replicas, strict=False) if before != now]


def asleep_again(replicas: list[int]) -> bool:
    return replicas[-1] == 0 and max(replicas) > 0


def test_a_prompt_wakes_a_worker_and_it_goes_back_to_sleep(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    job = client.result(client.submit("hello"))

    assert job.result == "hello"
    assert changes(samples(instance.address, asleep_again))[-2:] == [1, 0]
    (status,) = client.workloads()
    assert (status.state, status.replicas) == ("ScaledToZero", 0)
    resource = client.resource(status.namespace, status.name)
    assert resource is not None
    assert resource.scaled_object is not None
    assert (resource.resource["kind"], resource.scaled_object["kind"]) == ("GreenScaleWorkload", "ScaledObject")
    assert status.usual_wake_seconds is not None
    assert (status.wakes, [start.seconds for start in client.starts()]) == (1, [status.usual_wake_seconds])


def test_what_a_start_usually_takes_is_known_after_a_restart(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    client.result(client.submit("hello"))
    samples(instance.address, asleep_again)
    (before,) = client.workloads()
    assert instance.stop() == 0
    instance.start()
    client = client_of(instance)
    client.result(client.submit("hello"))
    samples(instance.address, lambda replicas: changes(replicas)[-4:] == [1, 0, 1, 0])
    (after,) = client.workloads()

    assert (before.wakes, after.wakes) == (1, 2)
    assert [start.seconds for start in client.starts()][1] == before.usual_wake_seconds


def test_many_jobs_reach_the_ceiling_and_end_at_zero(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    with redis.Redis(port=instance.address.port) as plain:
        for number in range(50):
            plain.lpush("jobs", f"{number} a b c d e f g h i j k l m")
    replicas = samples(instance.address, asleep_again)

    assert max(replicas) == 4
    assert client.stats().counters["done"] == 50


def test_the_last_job_outlives_the_cooldown(make_instance: Make, client_of: Client) -> None:
    """The list is empty while it runs: whoever scales on the list alone kills it."""
    instance = make_instance().start()
    client = client_of(instance)
    job = client.result(client.submit(LONG))

    assert (job.state, job.attempts) == (JobState.DONE, 1)


def test_a_killed_worker_loses_nothing(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    job_id = client.submit(LONG)
    await_delta(client, job_id)
    (worker,) = instance.children("greenscale_worker")
    worker.kill()
    job = client.result(job_id)

    assert (job.state, job.attempts) == (JobState.DONE, 1), "a lost worker costs no attempt"
    assert "was killed by signal 9" in instance.output.read_text()


def test_a_killed_supervisor_leaves_no_orphan_and_no_job_behind(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    running = client.submit(LONG)
    await_delta(client, running)
    children = psutil.Process(instance.pid).children()
    instance.stop(signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=20)

    assert (len(gone), alive) == (2, [])
    instance.start()
    assert client_of(instance).result(running).state is JobState.DONE


def test_ctrl_c_lets_a_job_finish_and_ends_every_child(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    job_id = client.submit(LONG)
    await_delta(client, job_id)
    children = psutil.Process(instance.pid).children()

    assert instance.stop() == 0
    assert [child for child in children if child.is_running()] == []
    instance.start()
    assert client_of(instance).job(job_id).attempts == 1
    assert client_of(instance).job(job_id).state is JobState.DONE


def test_ctrl_c_twice_releases_what_runs(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    job_id = client.submit(LONG * 4)
    await_delta(client, job_id)
    assert instance.process is not None
    while instance.process.poll() is None and client.job(job_id).state is JobState.RUNNING:
        instance.process.send_signal(signal.SIGINT)

    assert instance.stop() == 0
    instance.start()
    assert client_of(instance).job(job_id).attempts <= 1
    assert client_of(instance).job(job_id).finished_at is None


def test_redis_is_started_again(make_instance: Make, client_of: Client) -> None:
    instance = make_instance().start()
    client = client_of(instance)
    done = client.submit("before")
    client.result(done)
    samples(instance.address, asleep_again)
    (server,) = instance.children("valkey-server")
    server.kill()
    server.wait(10)
    while not instance.children("valkey-server"):
        psutil.Process(instance.pid).status()

    while True:
        try:
            job = client.job(done)
        except Exception:  # noqa: BLE001, S112 - until it answers
            continue
        break
    assert job.result == "before"
    assert client.result(client.submit("after")).result == "after"


def test_a_second_start_says_so(make_instance: Make) -> None:
    instance = make_instance().start()
    command: list[str | Path] = [GREENSCALE, "local", instance.file, "--no-page", "--run-dir", instance.run_dir]
    second = subprocess.run(command, capture_output=True, text=True, check=False)

    assert second.returncode == 2
    assert f"an instance runs in {instance.run_dir} already (process {instance.pid}" in second.stderr


def test_the_endpoint_tells_where_redis_is(make_instance: Make) -> None:
    instance = make_instance().start()
    file = instance.run_dir / "endpoint.json"
    endpoint = json.loads(file.read_text())

    assert endpoint == {
        "redis": {"host": "127.0.0.1", "port": instance.address.port},
        "page": None,
        "pid": instance.pid,
    }
    instance.stop()
    assert not file.exists()


def test_a_suspended_workload_takes_prompts_and_runs_none(make_instance: Make, client_of: Client) -> None:
    instance = make_instance()
    instance.file.write_text(instance.file.read_text().replace("spec:", "spec:\n  suspend: true"))
    instance.start()
    client = client_of(instance)
    client.submit("hi")
    several_polls_later = time.time() + 3
    while not any(status.sampled_at > several_polls_later for status in client.workloads()):
        time.sleep(0.05)

    assert (client.stats().pending, client.workloads()[0].state) == (1, "Suspended")
    assert instance.children("greenscale_worker") == []


def test_a_flushed_redis_gets_its_settings_again(make_instance: Make) -> None:
    """A suspended queue would be worked on until the next start, and the page would not know what it shows."""
    instance = make_instance()
    instance.file.write_text(instance.file.read_text().replace("spec:", "spec:\n  suspend: true"))
    instance.start()
    with redis.Redis(port=instance.address.port) as plain:
        plain.flushdb()
        deadline = time.monotonic() + 20
        while plain.exists("jobs:config", "greenscale:resources") != 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)

        assert plain.hget("jobs:config", "paused") == b"1"


def test_workers_that_crash_at_once_are_said_so(make_instance: Make, client_of: Client) -> None:
    env = [{"name": "GREENSCALE_CONCURENCY", "value": "4"}]
    instance = make_instance(worker={"env": env}).start()
    client = client_of(instance)
    client.submit("hi")
    samples(instance.address, lambda _: client.workloads()[0].state == "Degraded")

    assert "GREENSCALE_CONCURENCY is not a setting of the worker" in client.workloads()[0].message


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("maxReplicas: 4", "maxReplicas: 0"), "spec.scaling.maxReplicas: 0 is less than the minimum of 1"),
        (("maxReplicas: 4", "maxReplicas: 4\n    minReplicas: 5"), "spec.scaling.minReplicas is more than maxReplicas"),
        (("type: Echo", "type: Server\n    server: {image: i, model: m}"), "which needs a cluster"),
        (("spec:", "spec: ["), "is not valid YAML"),
    ],
)
def test_a_bad_file_is_refused_with_the_remedy(make_instance: Make, change: tuple[str, str], fault: str) -> None:
    instance = make_instance()
    instance.file.write_text(instance.file.read_text().replace(*change))
    command: list[str | Path] = [GREENSCALE, "local", instance.file, "--no-page", "--run-dir", instance.run_dir]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 2
    assert fault in run.stderr
    assert "Traceback" not in run.stderr
