"""The operator as a process of its own, as its own ServiceAccount, before a real API server without a node."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from greenscale_jobs import RedisAddress
from greenscale_testing.control_plane import ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.ports import free_port


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with our CRD, our RBAC and KEDA's CRDs, and nobody who acts on them."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server of the test's own, with our kinds and not KEDA's."""
    folder = tmp_path / "plane"
    folder.mkdir()
    with ControlPlane(folder) as plane:
        yield plane


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_operator(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Start]:
    """Start an operator; its log is in `.log`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(plane: ControlPlane = control_plane, **environment: str) -> "subprocess.Popen[bytes]":
        number = len(started)
        settings = {
            "KUBECONFIG": str(plane.kubeconfig_of("greenscale-operator", "greenscale-system")),
            "GREENSCALE_IDENTITY": f"operator-{number}",
            "GREENSCALE_HEALTH_PORT": str(free_port()),
        }
        ours = {name: value for name, value in os.environ.items() if not name.startswith("GREENSCALE")}
        with (tmp_path / f"operator-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "greenscale_operator"],
                env={**ours, **settings, **environment},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)
        print((tmp_path / f"operator-{started.index(process)}.log").read_text())  # noqa: T201 - shown where a test fails


@pytest.fixture
def workload(control_plane: ControlPlane, namespace: str, address: RedisAddress) -> Callable[..., Manifest]:
    """Apply a workload; keyword arguments go over the spec's parts."""

    def make(name: str = "w", **parts: Any) -> Manifest:
        spec: Manifest = {
            "engine": {"type": "Echo"},
            "queue": {"redis": {"host": "127.0.0.1", "port": address.port}},
            "scaling": {"maxReplicas": 4},
        }
        for part, fields in parts.items():
            spec[part] = {**spec.get(part, {}), **fields} if isinstance(fields, dict) else fields
        manifest = {
            "apiVersion": "greenscale.dev/v1alpha1",
            "kind": "GreenScaleWorkload",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        control_plane.apply(manifest)
        return manifest

    return make


@pytest.fixture
def await_reason(control_plane: ControlPlane, namespace: str) -> Callable[..., Manifest]:
    """Wait until a condition of a workload has this reason, and return it."""

    def wait(kind: str, reason: str, name: str = "w", *, seconds: int = 40) -> Manifest:
        wait_for = f'--for=jsonpath={{.status.conditions[?(@.type=="{kind}")].reason}}={reason}'
        try:
            control_plane.kubectl("wait", wait_for, f"gsw/{name}", "-n", namespace, f"--timeout={seconds}s")
        except AssertionError as error:
            raise AssertionError(f"{error}{control_plane.kubectl('describe', 'gsw', '-n', namespace)}") from None
        conditions: list[Manifest] = control_plane.get("gsw", name, namespace)["status"]["conditions"]
        return next(condition for condition in conditions if condition["type"] == kind)

    return wait
