"""A prompt wakes a worker from zero on a real cluster, is answered, and the worker goes back to sleep."""

import time
from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.instances import samples
from greenscale_testing.kubernetes import Manifest, await_state, get, kubectl, names

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(300)


def words(seconds: float) -> str:
    """Return what Echo takes so long to say."""
    return " ".join(["word"] * int(seconds / 0.05))


def asleep_again(replicas: list[int]) -> bool:
    return replicas[-1] == 0 and max(replicas) > 0


def await_delta(client: JobClient, job_id: str) -> None:
    next(event for event in client.events(job_id) if event.type == "delta")


def test_a_prompt_wakes_a_worker_and_it_goes_back_to_sleep(workload: Make, client_of: Client, namespace: str) -> None:
    workload()
    kubectl("wait", "--for=condition=Ready", "gsw/echo", "-n", namespace, "--timeout=60s")
    client = client_of("echo")
    before = get("deployment", "echo", namespace)["spec"]["replicas"]
    job = client.result(client.submit("hello"))
    replicas = samples(client.address, asleep_again, list_name=client.keys.list_name)

    assert before == 0
    assert (job.state, job.result) == (JobState.DONE, "hello")
    assert [now for at, now in enumerate(replicas) if at == 0 or replicas[at - 1] != now] == [0, 1, 0]
    assert get("deployment", "echo", namespace)["spec"]["replicas"] == 0


def test_many_jobs_reach_the_ceiling_and_end_at_zero(workload: Make, client_of: Client) -> None:
    workload()
    client = client_of("echo")
    for _ in range(12):
        client.submit(words(20))
    replicas = samples(client.address, asleep_again, list_name=client.keys.list_name, seconds=150)

    assert max(replicas) == 4
    assert client.stats().counters["done"] == 12
    assert {job.attempts for job in client.jobs(JobState.DONE).jobs} == {1}


def test_the_last_job_outlives_the_cooldown_though_the_list_is_empty(workload: Make, client_of: Client) -> None:
    """Whoever scales on the list alone kills it: the commonest complaint of KEDA's users."""
    workload(scaling={"cooldownPeriod": 10})
    client = client_of("echo")
    job_id = client.submit(words(60))
    await_delta(client, job_id)
    waiting = client.stats().pending
    job = client.result(job_id)

    assert waiting == 0
    assert (job.state, job.attempts, job.errors) == (JobState.DONE, 1, ())


def test_a_pod_that_is_killed_in_the_middle_of_a_job_loses_nothing(
    workload: Make, client_of: Client, namespace: str
) -> None:
    workload()
    client = client_of("echo")
    job_id = client.submit(words(15))
    await_delta(client, job_id)
    (pod,) = names("pods", namespace)
    kubectl("delete", pod, "-n", namespace, "--grace-period=0", "--force")
    job = client.result(job_id)

    assert (job.state, job.result) == (JobState.DONE, words(15))
    assert job.attempts <= 2


KILLABLE = "python -m greenscale_worker & echo $! >/tmp/worker; wait"
"""The worker as a child, for nobody can kill the first process of a container from inside it."""


def test_a_worker_that_is_killed_gives_its_job_up_when_the_lease_ends(
    workload: Make, client_of: Client, namespace: str
) -> None:
    """`kill -9`, with the leases that a workload has by default: the job starts again within 32 s."""
    noted = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - the pod has nothing else
    container = {"name": "worker", "command": ["sh", "-c", KILLABLE], "volumeMounts": [noted]}
    overlay = {"spec": {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}}
    workload(worker={"podTemplate": overlay}, queue={"leaseSeconds": 30})
    client = client_of("echo")
    job_id = client.submit(words(15))
    await_delta(client, job_id)
    (pod,) = names("pods", namespace)
    killed_at = time.time()
    kubectl("exec", pod, "-n", namespace, "--", "sh", "-c", "kill -9 $(cat /tmp/worker)")
    job = client.result(job_id)
    starts = [event.at for event in client.events(job_id) if event.type == "claimed"]

    assert (job.state, job.result, job.attempts) == (JobState.DONE, words(15), 1)
    assert starts[1] - killed_at < 32


def test_a_pod_that_is_evicted_finishes_its_job_first(workload: Make, client_of: Client, namespace: str) -> None:
    workload()
    client = client_of("echo")
    job_id = client.submit(words(15))
    await_delta(client, job_id)
    (pod,) = names("pods", namespace)
    kubectl("delete", pod, "-n", namespace, "--wait=false")
    job = client.result(job_id)

    assert (job.state, job.attempts) == (JobState.DONE, 1)


def test_suspend_lets_what_runs_finish_and_then_stays_at_zero(
    workload: Make, client_of: Client, namespace: str
) -> None:
    workload(worker={"concurrency": 1}, scaling={"maxReplicas": 1})
    client = client_of("echo")
    running = client.submit(words(12))
    await_delta(client, running)
    workload(worker={"concurrency": 1}, scaling={"maxReplicas": 1}, suspend=True)
    waiting = client.submit("later")
    kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/echo", "-n", namespace, "--timeout=60s")
    ended, held = client.job(running), client.job(waiting)

    assert (ended.state, ended.attempts) == (JobState.DONE, 1)
    assert held.state is JobState.WAITING
    await_state("echo", namespace, "Suspended")
    workload(worker={"concurrency": 1}, scaling={"maxReplicas": 1})
    assert client.result(waiting).state is JobState.DONE


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_deletion_leaves_nothing_behind_but_a_queue_that_is_retained(
    workload: Make, client_of: Client, namespace: str, policy: str
) -> None:
    workload(queue={"deletionPolicy": policy}, suspend=True)
    kubectl("wait", "--for=condition=Suspended", "gsw/echo", "-n", namespace, "--timeout=60s")
    client = client_of("echo")
    client.submit("kept or not")
    kubectl("delete", "gsw", "echo", "-n", namespace, "--timeout=60s")
    for kind in ("deployment/echo", "scaledobject/echo-scaler", "hpa/keda-hpa-echo-scaler"):
        kubectl("wait", "--for=delete", kind, "-n", namespace, "--timeout=60s")

    assert client.stats().pending == (1 if policy == "Retain" else 0)
    assert [status.name for status in client.workloads() if status.namespace == namespace] == []


def test_least_replicas_are_kept(workload: Make, client_of: Client, namespace: str) -> None:
    workload(scaling={"minReplicas": 1, "maxReplicas": 2})
    kubectl("wait", "--for=jsonpath={.status.readyReplicas}=1", "deployment/echo", "-n", namespace, "--timeout=60s")
    client = client_of("echo")

    assert client.result(client.submit("hello")).result == "hello"
    await_state("echo", namespace, "Active")
