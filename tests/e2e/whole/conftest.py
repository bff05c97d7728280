"""The installation in a real cluster, and a namespace of its own for each test.

With KUBECONFIG set, that cluster is used as it is, with GreenScale installed; else `make e2e` has brought one.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenscale_jobs import JobClient, RedisAddress
from greenscale_testing.kubernetes import (
    Manifest,
    apply_workload,
    forwarded_redis,
    fresh_namespace,
    kubectl,
    list_of,
)


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
    with fresh_namespace() as name:
        yield name


@pytest.fixture(scope="session")
def redis_address(cluster: str) -> Iterator[RedisAddress]:
    assert cluster
    with forwarded_redis() as address:
        yield address


@pytest.fixture
def client_of(redis_address: RedisAddress, namespace: str) -> Iterator[Callable[[str], JobClient]]:
    made: list[JobClient] = []

    def client(name: str) -> JobClient:
        made.append(JobClient(redis_address, list_of(name, namespace)))
        return made[-1]

    yield client
    for opened in made:
        opened.close()


@pytest.fixture
def workload(namespace: str) -> Callable[..., Manifest]:
    """Apply a workload to the test's namespace, as `apply_workload` does."""

    def make(name: str = "echo", **parts: Any) -> Manifest:
        return apply_workload(name, namespace, **parts)

    return make
