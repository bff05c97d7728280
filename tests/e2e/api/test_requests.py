"""What a workload costs the API server, and how a changed ConfigMap is noticed."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.local_redis import RedisServer

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]


def test_a_changed_config_map_rolls_out_and_each_is_read_once_a_minute(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
) -> None:
    def config(value: str) -> None:
        metadata = {"name": "shared", "namespace": namespace}
        control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}})

    def digest(name: str) -> str:
        metadata = control_plane.get("deployment", name, namespace)["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["greenscale.dev/config"])

    config("one")
    start_operator()
    names = ("first", "second")
    for name in names:
        workload(name, worker={"envFrom": [{"configMapRef": {"name": "shared"}}, {"secretRef": {"name": "private"}}]})
        await_reason("Ready", "WaitingForKeda", name)
    before = {digest(name) for name in names}
    settled_reads = reads(control_plane, namespace)
    config("two")
    control_plane.kubectl(
        "wait", "--for=jsonpath={.metadata.generation}=2", "deploy/first", "deploy/second", "-n", namespace,
        "--timeout=100s",
    )  # fmt: skip
    after = {digest(name) for name in names}
    workload("without")
    await_reason("Ready", "WaitingForKeda", "without")

    assert len(before) == len(after) == 1
    assert before != after
    assert settled_reads == ["configmaps/shared"], "shared between workloads; and no Secret is read for it"
    assert set(reads(control_plane, namespace)) == {"configmaps/shared"}
    annotations = control_plane.get("deployment", "without", namespace)["spec"]["template"]["metadata"]
    assert "annotations" not in annotations


def reads(plane: ControlPlane, namespace: str) -> list[str]:
    asked = [
        request["objectRef"]
        for request in plane.asked_by_operator()
        if request["verb"] == "get" and "objectRef" in request
    ]
    return [
        f"{one['resource']}/{one['name']}"
        for one in asked
        if one.get("namespace") == namespace and one["resource"] in {"configmaps", "secrets"}
    ]


READY = '{"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ScaledObjectReady"}]}}'


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "with a password"])
def test_a_new_workload_costs_at_most_ten_requests(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
    *,
    secured: bool,
) -> None:
    redis: dict[str, Any] = {"host": "127.0.0.1", "port": own_redis.address.port}
    if secured:
        own_redis.options = ("--requirepass", "sesame")
        redis["passwordSecretRef"] = {"name": "redis", "key": "password"}
        control_plane.kubectl("create", "secret", "generic", "redis", "--from-literal=password=sesame", "-n", namespace)
    own_redis.start()
    start_operator()
    workload(queue={"redis": redis})
    await_reason("Ready", "WaitingForKeda")
    control_plane.kubectl(
        "patch", "so", "w-scaler", "-n", namespace, "--subresource=status", "--type=merge", "-p", READY
    )
    await_reason("Ready", "ScaledToZero")
    asked = [
        (request["verb"], request["requestURI"])
        for request in control_plane.asked_by_operator()
        if request.get("objectRef", {}).get("namespace") == namespace
    ]

    assert len(asked) <= 10, "\n".join(map(str, asked))
