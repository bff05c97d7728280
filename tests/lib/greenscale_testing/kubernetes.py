"""A cluster as a person uses it: kubectl, and a way to its Redis."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from greenscale_jobs import RedisAddress
from greenscale_testing.ports import free_port

Manifest = dict[str, Any]

INSTALLATION = "greenscale-system"


class KubectlFailed(AssertionError):
    """The text is what kubectl said."""


def kubectl(*words: str, stdin: str | None = None, seconds: int = 120) -> str:
    """Run kubectl and return what it printed; raises KubectlFailed."""
    run = subprocess.run(
        ["kubectl", *words],  # noqa: S607
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    if run.returncode:
        raise KubectlFailed(f"kubectl {' '.join(words)}: {run.stderr.strip()}")
    return run.stdout


def apply(*manifests: Manifest) -> None:
    """Apply objects."""
    kubectl("apply", "-f", "-", stdin=as_list(*manifests))


def as_list(*manifests: Manifest) -> str:
    """Return objects as kubectl reads several at once."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})


@contextmanager
def fresh_namespace() -> Iterator[str]:
    """A namespace in which Pod Security is `restricted`; it goes at the end, unawaited."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def apply_workload(name: str, namespace: str, **parts: Any) -> Manifest:
    """Apply a workload that answers by echo and soon sleeps again; keyword arguments go over the spec's parts."""
    spec: Manifest = {
        "engine": {"type": "Echo"},
        "worker": {"concurrency": 3},
        "queue": {"leaseSeconds": 5},
        "scaling": {"maxReplicas": 4, "pollingInterval": 1, "cooldownPeriod": 5},
    }
    for part, changes in parts.items():
        spec[part] = {**spec.get(part, {}), **changes} if isinstance(changes, dict) else changes
    metadata = {"name": name, "namespace": namespace}
    manifest = {"apiVersion": "greenscale.dev/v1alpha1", "kind": "GreenScaleWorkload", "metadata": metadata}
    apply({**manifest, "spec": spec})
    return {**manifest, "spec": spec}


def list_of(name: str, namespace: str) -> str:
    """Return the list of a workload that names none."""
    return f"greenscale:{{{namespace}/{name}}}"


def get(kind: str, name: str, namespace: str) -> Manifest:
    """Return an object."""
    found: Manifest = json.loads(kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return found


def get_list(kind: str, namespace: str, selector: str) -> list[Manifest]:
    """Return the objects of a kind that have these labels."""
    found: list[Manifest] = json.loads(kubectl("get", kind, "-n", namespace, "-l", selector, "-o", "json"))["items"]
    return found


def names(kind: str, namespace: str) -> list[str]:
    """Return the names of all objects of a kind."""
    return kubectl("get", kind, "-n", namespace, "-o", "name").split()


def await_state(name: str, namespace: str, state: str, *, seconds: int = 60) -> None:
    """Wait until a workload's status says this state."""
    criterion = f"--for=jsonpath={{.status.state}}={state}"
    try:
        kubectl("wait", criterion, f"gsw/{name}", "-n", namespace, f"--timeout={seconds}s", seconds=seconds + 10)
    except KubectlFailed as error:
        raise KubectlFailed(f"{error}\n{kubectl('describe', 'gsw', name, '-n', namespace)}") from None


def condition(name: str, namespace: str, kind: str) -> Manifest:
    """Return one condition of a workload."""
    conditions: list[Manifest] = get("gsw", name, namespace)["status"]["conditions"]
    return next(condition for condition in conditions if condition["type"] == kind)


def await_condition(name: str, namespace: str, kind: str, reason: str, *, seconds: int = 60) -> Manifest:
    """Wait until a workload's condition has this reason, and return it."""
    criterion = f'--for=jsonpath={{.status.conditions[?(@.type=="{kind}")].reason}}={reason}'
    try:
        kubectl("wait", criterion, f"gsw/{name}", "-n", namespace, f"--timeout={seconds}s", seconds=seconds + 10)
    except KubectlFailed as error:
        raise KubectlFailed(f"{error}\n{kubectl('describe', 'gsw', name, '-n', namespace)}") from None
    return condition(name, namespace, kind)


def until(true: Callable[[], bool], *, seconds: float) -> None:
    """Ask again and again, where nothing can be waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.5)


@contextmanager
def forwarded(service: str, port: int, namespace: str = INSTALLATION) -> Iterator[int]:
    """Reach a service of the cluster at a port of this machine; a forward that ends is begun again."""
    here = free_port()
    command = f"while :; do kubectl port-forward -n {namespace} service/{service} {here}:{port}; sleep 0.2; done"
    with subprocess.Popen(
        ["sh", "-c", command],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as process:
        try:
            yield here
        finally:
            subprocess.run(["kill", "--", f"-{process.pid}"], check=True)  # noqa: S607


@contextmanager
def forwarded_redis(service: str = "redis-service", namespace: str = INSTALLATION) -> Iterator[RedisAddress]:
    """Reach the cluster's Redis from here."""
    with forwarded(service, 6379, namespace) as port:
        _await_redis(port)
        yield RedisAddress("127.0.0.1", port)


def _await_redis(port: int) -> None:
    deadline = time.monotonic() + 30
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
            except redis.exceptions.RedisError:
                assert time.monotonic() < deadline, "the cluster's Redis cannot be reached"
                time.sleep(0.1)
            else:
                return
