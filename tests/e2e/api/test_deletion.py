"""Deletions while KEDA, Redis or a Secret is gone: they end, or say what holds them and what to do."""

import subprocess
from collections.abc import Callable

import pytest

from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.local_redis import RedisServer

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

KEDA_S_FINALIZER = '{"metadata": {"finalizers": ["finalizer.keda.sh"]}}'
"""What KEDA puts on every ScaledObject, and takes off if it lives."""


def held_by_keda(plane: ControlPlane, name: str, namespace: str) -> None:
    plane.kubectl("patch", "so", f"{name}-scaler", "-n", namespace, "--type=merge", "-p", KEDA_S_FINALIZER)


def await_event(plane: ControlPlane, namespace: str, reason: str, name: str, *, seconds: int = 90) -> str:
    """Wait until an Event of this reason is there for an object, and return what it says."""
    fields = f"reason={reason},involvedObject.name={name}"
    words = ("events", "-n", namespace, f"--field-selector={fields}")
    timeout = f"--timeout={seconds}s"
    plane.kubectl("wait", "--for=create", *words, timeout)
    return plane.kubectl("get", *words, "-o", "jsonpath={.items[0].message}")


@pytest.mark.timeout(240)
def test_a_scaled_object_that_keda_never_ends_is_reported_with_the_remedy(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """With KEDA uninstalled its finalizer holds them for ever, and their namespace with them."""
    start_operator()
    for name in ("lives", "is-gone", "is-back"):
        workload(name)
        await_reason("Ready", "WaitingForKeda", name)
        held_by_keda(control_plane, name, namespace)
    for name in ("is-gone", "is-back"):  # and what would be garbage collection's work, which does not run here
        control_plane.kubectl("delete", f"gsw/{name}", f"deploy/{name}", "-n", namespace)
    for name in ("lives", "is-gone", "is-back"):
        control_plane.kubectl("delete", "so", f"{name}-scaler", "-n", namespace, "--wait=false")
    workload("is-back")
    lives = await_reason("Ready", "BeingDeleted", "lives", seconds=120)
    back = await_reason("Ready", "BeingDeleted", "is-back", seconds=120)
    gone = await_event(control_plane, namespace, "BeingDeleted", "is-gone-scaler")
    remedy = lives["message"].partition("kubectl ")[2].replace("'", "").split()
    control_plane.kubectl(*remedy)
    await_reason("Ready", "WaitingForKeda", "lives")

    assert "is KEDA's operator running?" in back["message"]
    assert "kubectl patch scaledobject is-gone-scaler" in gone


def test_a_deletion_goes_on_without_keda_and_says_so(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload(queue={"deletionPolicy": "Delete"})
    await_reason("Ready", "WaitingForKeda")
    held_by_keda(control_plane, "w", namespace)
    control_plane.kubectl("delete", "gsw", "w", "-n", namespace, "--wait=false")
    condition = await_reason("Ready", "BeingDeleted")
    control_plane.kubectl("wait", "--for=delete", "gsw/w", "-n", namespace, "--timeout=60s")

    assert "finalizers" in condition["message"]
    assert "KEDA does not finish it" in await_event(control_plane, namespace, "BeingDeleted", "w")


def test_a_deletion_goes_on_without_its_redis_and_says_so(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    own_redis.start()
    start_operator()
    workload(queue={"deletionPolicy": "Delete", "redis": {"host": "127.0.0.1", "port": own_redis.address.port}})
    await_reason("Ready", "WaitingForKeda")
    own_redis.stop(kill=True)
    control_plane.kubectl("delete", "gsw", "w", "-n", namespace, "--timeout=60s")

    assert "left in Redis" in await_event(control_plane, namespace, "QueueLeftBehind", "w")


def test_a_deletion_goes_on_without_the_secret_of_its_redis_and_says_so(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    """A namespace that is deleted loses its Secrets first: the workload would hold it up for ever."""
    own_redis.options = ("--requirepass", "sesame")
    own_redis.start()
    start_operator()
    redis = {"host": "127.0.0.1", "port": own_redis.address.port}
    workload(queue={"deletionPolicy": "Delete", "redis": {**redis, "passwordSecretRef": {"name": "no", "key": "no"}}})
    await_reason("Ready", "SecretMissing")
    control_plane.kubectl("delete", "gsw", "w", "-n", namespace, "--timeout=60s")

    assert "The Secret no does not exist" in await_event(control_plane, namespace, "QueueLeftBehind", "w")


def test_a_fight_over_a_field_makes_no_storm_of_events(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    for seconds in range(1, 11):
        patch = f'{{"spec": {{"cooldownPeriod": {seconds}}}}}'
        control_plane.kubectl("patch", "so", "w-scaler", "-n", namespace, "--type=merge", "-p", patch)
        control_plane.kubectl(
            "wait", "--for=jsonpath={.spec.cooldownPeriod}=300", "so/w-scaler", "-n", namespace, "--timeout=20s"
        )
    reasons = control_plane.kubectl("get", "events", "-n", namespace, "-o", "jsonpath={.items[*].reason}").split()

    assert reasons.count("DriftCorrected") == 1
