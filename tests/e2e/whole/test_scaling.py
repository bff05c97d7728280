"""How workers come and go beside the main job: gradually, by a schedule, and two workloads side by side."""

from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.kubernetes import Manifest, await_condition, await_state, get, kubectl

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(300)


def words(seconds: float) -> str:
    """Return what Echo takes so long to say."""
    return " ".join(["word"] * int(seconds / 0.05))


def await_replicas(name: str, namespace: str, count: int, *, seconds: int = 60) -> None:
    wait_for = f"--for=jsonpath={{.spec.replicas}}={count}"
    kubectl("wait", wait_for, f"deployment/{name}", "-n", namespace, f"--timeout={seconds}s", seconds=seconds + 10)


def test_gradual_takes_idle_workers_away_and_lets_the_busy_one_finish(
    workload: Make, client_of: Client, namespace: str
) -> None:
    """The HPA does not know which pod is busy: whichever it picks must finish its job first."""
    workload(worker={"concurrency": 1}, scaling={"scaleDownPolicy": "Gradual"})
    client = client_of("echo")
    long = client.submit(words(118))
    for _ in range(3):
        client.submit(words(20))
    await_replicas("echo", namespace, 4)
    await_replicas("echo", namespace, 1, seconds=115)
    meanwhile = client.job(long).state
    job = client.result(long)

    assert meanwhile is JobState.RUNNING
    assert (job.state, job.attempts, job.errors) == (JobState.DONE, 1, ())


def test_a_schedule_keeps_workers_in_its_time_only(workload: Make, client_of: Client, namespace: str) -> None:
    always = {"start": "0 0 * * *", "end": "59 23 * * *", "minReplicas": 2}
    never = {"start": "0 0 31 12 *", "end": "1 0 31 12 *", "minReplicas": 3}
    workload("kept", scaling={"schedules": [always, never]})
    workload("left", scaling={"schedules": [never]})
    await_condition("left", namespace, "Ready", "ScaledToZero")
    await_replicas("kept", namespace, 2, seconds=90)
    await_condition("kept", namespace, "Ready", "WorkersRunning")

    assert client_of("kept").stats().work == 0
    assert get("deployment", "left", namespace)["spec"]["replicas"] == 0


def test_two_workloads_do_not_disturb_each_other(workload: Make, client_of: Client, namespace: str) -> None:
    workload("well")
    workload("ill", worker={"image": "no-such-image:1"})
    workload("asleep", suspend=True)
    for name in ("ill", "asleep", "well"):
        await_condition(name, namespace, "ScalerReady", "ScaledObjectReady")
    well, ill, asleep = (client_of(name) for name in ("well", "ill", "asleep"))
    ill.submit("hello")
    asleep.submit("hello")
    await_state("ill", namespace, "Degraded")
    await_state("asleep", namespace, "Suspended")
    done = well.result(well.submit("hello"))

    assert done.result == "hello"
    assert (ill.stats().pending, asleep.stats().pending) == (1, 1)
    assert get("deployment", "asleep", namespace)["spec"]["replicas"] == 0
