"""Schedules on a real API server: one that KEDA could not read is named, and one that keeps workers is said to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus
from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest, until

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., object]

ALWAYS = {"start": "0 0 * * *", "end": "59 23 * * *", "timezone": "Europe/Berlin", "minReplicas": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"timezone": "Mars/Base"},
            "spec.scaling.schedules[0].timezone 'Mars/Base' is not a known time zone: use a name of the IANA database",
        ),
        (
            {"end": "0 18 * * 7"},
            "spec.scaling.schedules[0].end '0 18 * * 7' has '7' as day of the week, which must be 0 to 6",
        ),
    ],
)
def test_a_schedule_that_keda_could_not_read_is_an_invalid_spec(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    changes: dict[str, Any],
    message: str,
) -> None:
    start_operator()
    workload(scaling={"schedules": [{**ALWAYS, **changes}]})
    refused = await_reason("Ready", "InvalidSpec")
    made = control_plane.kubectl("get", "scaledobject", "-n", namespace, "-o", "name")
    workload(scaling={"schedules": [ALWAYS]})
    await_reason("Ready", "WaitingForKeda")

    assert message in refused["message"]
    assert made == ""


def test_workers_that_a_schedule_keeps_do_not_cool_down(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    address: RedisAddress,
) -> None:
    start_operator()
    workload(scaling={"schedules": [ALWAYS]})
    await_reason("Ready", "WaitingForKeda")
    patch(control_plane, namespace, "deployment/w", {"spec": {"replicas": 1}})
    patch(
        control_plane, namespace, "deployment/w", {"status": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}}
    )
    active = [{"type": "Ready", "status": "True"}, {"type": "Active", "status": "True"}]
    status = {"conditions": active, "lastActiveTime": "2026-01-01T00:00:00Z"}
    patch(control_plane, namespace, "scaledobject/w-scaler", {"status": status})
    await_reason("Ready", "WorkersRunning")
    state = control_plane.get("gsw", "w", namespace)["status"]["state"]
    with JobClient(address) as client:

        def published() -> WorkloadStatus:
            return next(status for status in client.workloads() if status.namespace == namespace)

        until(lambda: published().state == "Active", seconds=20)
        idle = published()

    assert state == "Active"
    assert idle.message.startswith("Idle; 1 worker is kept by a schedule until ")
    assert idle.message.endswith("(Europe/Berlin).")
    assert idle.asleep_at is None


def patch(plane: ControlPlane, namespace: str, what: str, change: Manifest) -> None:
    """Do as KEDA and the kubelet would."""
    sub = ("--subresource=status",) if "status" in change else ()
    plane.kubectl("patch", what, "-n", namespace, "--type=merge", *sub, "-p", json.dumps(change))
