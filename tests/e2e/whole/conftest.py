"""The installation in a real cluster, and a namespace of its own for each test.

With KUBECONFIG set, that cluster is used as it is, with GreenScale installed; else `make e2e` has brought one.
"""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenscale_jobs import JobClient, RedisAddress
from greenscale_testing.kubernetes import Manifest, apply, forwarded_redis, kubectl


@pytest.fixture(scope="session", autouse=True)
def cluster() -> str:
    """Fail at once, and say how, where there is no cluster."""
    assert os.environ.get("KUBECONFIG"), "no cluster: `make e2e` brings one, or set KUBECONFIG to yours"
    try:
        return kubectl("version", "-o", "json")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.exit(f"the cluster of KUBECONFIG does not answer: {error}", returncode=3)


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def redis_address(cluster: str) -> Iterator[RedisAddress]:
    assert cluster
    with forwarded_redis() as address:
        yield address


@pytest.fixture
def client_of(redis_address: RedisAddress, namespace: str) -> Iterator[Callable[[str], JobClient]]:
    made: list[JobClient] = []

    def client(name: str) -> JobClient:
        made.append(JobClient(redis_address, f"greenscale:{{{namespace}/{name}}}"))
        return made[-1]

    yield client
    for opened in made:
        opened.close()


@pytest.fixture
def workload(namespace: str) -> Callable[..., Manifest]:
    """Apply a workload that answers by echo and soon sleeps again; keyword arguments go over the spec's parts."""

    def make(name: str = "echo", **parts: Any) -> Manifest:
        spec: Manifest = {
            "engine": {"type": "Echo"},
            "worker": {"concurrency": 3},
            "queue": {"leaseSeconds": 5},
            "scaling": {"maxReplicas": 4, "pollingInterval": 1, "cooldownPeriod": 5},
        }
        for part, told in parts.items():
            spec[part] = {**spec.get(part, {}), **told} if isinstance(told, dict) else told
        metadata = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": "greenscale.dev/v1alpha1", "kind": "GreenScaleWorkload", "metadata": metadata}
        apply({**manifest, "spec": spec})
        return {**manifest, "spec": spec}

    return make
