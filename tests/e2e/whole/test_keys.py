"""Rotated credentials are used without a hand: the worker ends, and the kubelet restarts it with the Secret's value.

Nobody but the kubelet reads the Secret for it.
"""

import time
from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.cluster_engines import (
    RESTRICTED,
    put_key,
    put_service,
    put_sources,
    start_api,
)
from greenscale_testing.kubernetes import (
    Manifest,
    apply,
    await_condition,
    condition,
    get,
    kubectl,
    list_of,
    until,
)
from greenscale_testing.pod_server import RIGHT_KEY

pytestmark = pytest.mark.timeout(600)

REFUSED_STATUS = 3

WITHIN_SECONDS = 5 * 60 + 60
"""The kubelet's longest pause, the refusals before it, and a slow machine."""

JOBS = 10


def restarts(name: str, namespace: str) -> list[Manifest]:
    """Return the status of each worker's container."""
    pods = kubectl("get", "pods", "-n", namespace, "-l", f"app.kubernetes.io/instance={name}", "-o", "name").split()
    return [get("pod", pod.removeprefix("pod/"), namespace)["status"]["containerStatuses"][0] for pod in pods]


def test_a_rotated_key_is_used_while_jobs_wait(
    workload: Callable[..., Manifest], client_of: Callable[[str], JobClient], namespace: str
) -> None:
    """K12. As long as the key is refused that is what is said, also while the kubelet holds the container back."""
    put_sources(namespace)
    put_key("sk-old", namespace)
    secret = {"name": "openai", "key": "api-key"}
    asked = {"model": "keyed", "baseURL": put_service("api", namespace), "apiKeySecretRef": secret}
    workload("keyed", engine={"type": "OpenAI", "openAI": asked}, scaling={"cooldownPeriod": 60})
    start_api("api", namespace)
    client = client_of("keyed")
    for number in range(JOBS):
        client.submit(f"job {number}")
    await_condition("keyed", namespace, "Degraded", "EngineRefuses", seconds=120)
    until(lambda: any(status["restartCount"] >= 2 for status in restarts("keyed", namespace)), seconds=180)
    until(lambda: any("waiting" in status["state"] for status in restarts("keyed", namespace)), seconds=120)
    held_back, degraded = restarts("keyed", namespace), condition("keyed", namespace, "Degraded")
    put_key(RIGHT_KEY, namespace)
    rotated_at = time.monotonic()
    until(lambda: client.stats().counters.get("done", 0) == JOBS, seconds=WITHIN_SECONDS)
    took = time.monotonic() - rotated_at
    await_condition("keyed", namespace, "Degraded", "AsExpected")

    assert {status["lastState"]["terminated"]["exitCode"] for status in held_back} == {REFUSED_STATUS}
    assert degraded["reason"] == "EngineRefuses"
    assert "it refuses the API key" in degraded["message"]
    assert client.stats().dead == 0
    assert {job.attempts for job in client.jobs(JobState.DONE).jobs} == {1}
    print(f"\nthe key was used {took:.0f} s after it was rotated")  # noqa: T201


def test_a_rotated_password_of_redis_is_used_while_a_job_waits(
    workload: Callable[..., Manifest], namespace: str
) -> None:
    """K12's other half: Redis takes another password and lets nobody in, and later its Secret is patched."""
    put_redis("old", namespace)
    workload(
        "echo",
        queue={"redis": {"host": f"redis.{namespace}.svc", "passwordSecretRef": {"name": "redis", "key": "password"}}},
        scaling={"minReplicas": 1, "cooldownPeriod": 60},
    )
    await_condition("echo", namespace, "WorkerAvailable", "Running", seconds=120)
    redis_cli("old", namespace, "CONFIG", "SET", "requirepass", "new")
    redis_cli("new", namespace, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    redis_cli("new", namespace, "LPUSH", list_of("echo", namespace), "hello")
    until(lambda: not restarts("echo", namespace)[0]["ready"], seconds=60)
    put_password("new", namespace)
    rotated_at = time.monotonic()
    counted = ("HGET", f"{list_of('echo', namespace)}:stats", "done")
    until(lambda: redis_cli("new", namespace, *counted) == "1", seconds=WITHIN_SECONDS)
    took = time.monotonic() - rotated_at
    until(lambda: restarts("echo", namespace)[0]["ready"], seconds=60)

    (status,) = restarts("echo", namespace)
    assert status["lastState"]["terminated"]["exitCode"] == REFUSED_STATUS
    print(f"\nthe password was used {took:.0f} s after it was rotated")  # noqa: T201


def redis_cli(password: str, namespace: str, *words: str) -> str:
    """Say something to the test's own Redis, as a person in its pod would."""
    command = ("redis-cli", "-a", password, "--no-auth-warning", *words)
    return kubectl("exec", "redis", "-n", namespace, "--", *command).strip()


def put_password(password: str, namespace: str) -> None:
    """Write the password into the Secret `redis`."""
    metadata = {"name": "redis", "namespace": namespace}
    apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": password}})


def put_redis(password: str, namespace: str) -> None:
    """Run a Redis of the test's own behind a Service `redis`, and wait until it is ready."""
    put_password(password, namespace)
    container = {
        "name": "redis",
        "image": "redis:8-alpine",
        "command": ["redis-server", "--requirepass", password, "--save", ""],
        "securityContext": {**RESTRICTED, "runAsUser": 999},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "workingDir": "/data",
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
    }
    metadata = {"name": "redis", "namespace": namespace, "labels": {"app": "redis"}}
    volumes = [{"name": "data", "emptyDir": {}}]
    spec: Manifest = {"automountServiceAccountToken": False, "containers": [container], "volumes": volumes}
    service = {"selector": {"app": "redis"}, "ports": [{"port": 6379}]}
    apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    )
    kubectl("wait", "--for=condition=Ready", "pod/redis", "-n", namespace, "--timeout=120s")
