"""CRDs that go and come while the operator runs: what is applied again is taken up, and nothing hangs."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from greenscale_jobs import JobClient
from greenscale_testing.control_plane import ROOT, ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest, until
from greenscale_testing.local_redis import RedisServer

Start = Callable[..., "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.timeout(500)
"""A young API server may take a minute to end a CRD: it has to serve the kind first, and waits longer each time."""

PROBE = json.dumps(
    {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"engine": {"type": "Echo"}},
    }
)

OURS = "crd/greenscaleworkloads.greenscale.dev"


@pytest.fixture
def own_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server of the test's own, for others need its CRDs."""
    folder = tmp_path / "plane"
    folder.mkdir()
    with ControlPlane(folder) as plane:
        plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
        yield plane


def install(plane: ControlPlane) -> None:
    plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "greenscaleworkloads.yaml"))
    plane.kubectl("wait", "--for=condition=Established", OURS, "--timeout=30s")


def workload(server: RedisServer, **queue: Any) -> Manifest:
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {
            "engine": {"type": "Echo"},
            "queue": {"redis": {"host": "127.0.0.1", "port": server.address.port}, **queue},
        },
    }


def await_leader(plane: ControlPlane, identity: str) -> None:
    lease = ("lease/greenscale-operator", "-n", "greenscale-system", "--timeout=60s")
    plane.kubectl("wait", "--for=create", *lease)
    plane.kubectl("wait", f"--for=jsonpath={{.spec.holderIdentity}}={identity}", *lease)


def await_ready(plane: ControlPlane, reason: str) -> None:
    path = '{.status.conditions[?(@.type=="Ready")].reason}'
    plane.kubectl("wait", f"--for=jsonpath={path}={reason}", "gsw/w", "--timeout=40s")


def await_served(plane: ControlPlane) -> None:
    """Wait until the API server serves our kind: a CRD that is deleted sooner may stay for minutes."""

    def served() -> bool:
        try:
            return plane.kubectl("create", "-f", "-", "--dry-run=server", stdin=PROBE) != ""
        except AssertionError:
            return False

    until(served, seconds=60)


def await_taken_up(plane: ControlPlane) -> None:
    """Wait until the workload is reconciled, and collect the garbage meanwhile, which nobody else does here."""

    def taken_up() -> bool:
        found = plane.get("gsw", "w", "default")
        for child in ("deployment/w", "scaledobject/w-scaler"):
            owner = plane.kubectl(
                "get", child, "--ignore-not-found", "-o", "jsonpath={.metadata.ownerReferences[0].uid}"
            )
            if owner not in {"", found["metadata"]["uid"]}:
                plane.kubectl("delete", child, "--wait=false", "--ignore-not-found")
        reasons = [
            condition["reason"] for condition in found["status"].get("conditions", []) if condition["type"] == "Ready"
        ]
        return reasons == ["WaitingForKeda"]

    until(taken_up, seconds=60)


@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times"])
def test_workloads_are_taken_up_again_when_our_crd_is_back(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer, times: int
) -> None:
    own_redis.start()
    start_operator(own_plane)
    for _ in range(times):
        own_plane.apply(workload(own_redis))
        await_taken_up(own_plane)
        own_plane.kubectl("delete", OURS, "--timeout=150s")
        install(own_plane)
    own_plane.apply(workload(own_redis))
    await_taken_up(own_plane)


def test_an_operator_that_was_there_first_takes_up_our_crd(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    own_redis.start()
    await_served(own_plane)
    own_plane.kubectl("delete", OURS, "--timeout=150s")
    start_operator(own_plane)
    await_leader(own_plane, "operator-0")
    install(own_plane)
    own_plane.apply(workload(own_redis))
    await_ready(own_plane, "WaitingForKeda")


def test_scaled_objects_are_made_again_when_keda_s_crds_are_back(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    own_redis.start()
    start_operator(own_plane)
    own_plane.apply(workload(own_redis))
    await_ready(own_plane, "WaitingForKeda")
    scaled_objects = keda_crds() / "keda.sh_scaledobjects.yaml"
    own_plane.kubectl("delete", "-f", str(scaled_objects), "--timeout=40s")
    await_ready(own_plane, "KedaNotInstalled")
    own_plane.kubectl("apply", "--server-side", "-f", str(scaled_objects))
    await_ready(own_plane, "WaitingForKeda")
    own_plane.kubectl("patch", "so", "w-scaler", "--type=merge", "-p", '{"spec": {"cooldownPeriod": 1}}')
    own_plane.kubectl("wait", "--for=jsonpath={.spec.cooldownPeriod}=300", "so/w-scaler", "--timeout=30s")


def test_the_end_of_our_crd_removes_the_queues_that_go_with_their_workloads(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    """A CRD that is being deleted allows no patch by its discovery, and yet waits until our finalizer is taken off."""
    own_redis.start()
    start_operator(own_plane)
    own_plane.apply(workload(own_redis, deletionPolicy="Delete"))
    await_ready(own_plane, "WaitingForKeda")
    with JobClient(own_redis.address, "greenscale:{default/w}") as client:
        client.submit("hello")
        own_plane.kubectl("delete", OURS, "--timeout=150s")
        left = client.stats().pending

    assert left == 0


def test_a_signal_ends_the_operator_that_begins_again(own_plane: ControlPlane, start_operator: Start) -> None:
    """In whichever state it comes: Kopf takes the signals from us, and drops one that comes while it ends."""
    for rounds in range(4):
        operator = start_operator(own_plane)
        await_leader(own_plane, f"operator-{rounds}")
        own_plane.kubectl("delete", OURS, "--timeout=150s")
        with contextlib.suppress(subprocess.TimeoutExpired):
            operator.wait(1 + rounds / 2)  # it starts again after two seconds
        operator.terminate()
        install(own_plane)

        assert operator.wait(30) == 0


def test_our_finalizer_follows_the_policy(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    """And leaves that of somebody else alone."""
    own_redis.start()
    start_operator(own_plane)
    own_plane.apply(workload(own_redis))
    foreign, both = ["theirs.example/f"], ["theirs.example/f", "greenscale.dev/delete-queue"]

    def await_finalizers(expected: list[str]) -> None:
        until(lambda: own_plane.get("gsw", "w", "default")["metadata"].get("finalizers") == expected, seconds=40)

    own_plane.kubectl("patch", "gsw", "w", "--type=merge", "-p", json.dumps({"metadata": {"finalizers": foreign}}))
    for policy, finalizers in (("Delete", both), ("Retain", foreign), ("Delete", both)):
        own_plane.apply(workload(own_redis, deletionPolicy=policy))
        await_finalizers(finalizers)
    own_plane.kubectl("delete", "gsw/w", "--wait=false")
    await_finalizers(foreign)
