"""What the operator makes of a workload, keeps right, and leaves alone."""

import json
import subprocess
from collections.abc import Callable

import pytest
import redis

from greenscale_jobs import JobClient, RedisAddress
from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]


def replicas(plane: ControlPlane, namespace: str, name: str = "w") -> int:
    return int(plane.get("deployment", name, namespace)["spec"]["replicas"])


def applied_whole(plane: ControlPlane, namespace: str, name: str = "w") -> None:
    """Wait until our manager has applied the Deployment."""
    wait_for = r"--for=jsonpath={.metadata.annotations.greenscale\.dev/intent}"
    plane.kubectl("wait", wait_for, f"deployment/{name}", "-n", namespace, "--timeout=30s")


def test_a_workload_becomes_a_deployment_at_zero_and_a_scaled_object(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    scaled = control_plane.get("scaledobject", "w-scaler", namespace)
    deployment = control_plane.get("deployment", "w", namespace)

    assert deployment["spec"]["replicas"] == 0
    assert [trigger["name"] for trigger in scaled["spec"]["triggers"]] == ["pending", "inflight", "workers"]
    assert {owner["kind"] for owner in scaled["metadata"]["ownerReferences"]} == {"GreenScaleWorkload"}
    assert "finalizers" not in control_plane.get("gsw", "w", namespace)["metadata"]


def test_nothing_is_applied_again_while_all_is_as_it_should_be(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """Not at a restart either: the objects themselves record what was applied."""
    first = start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    first.terminate()
    first.wait(20)
    before = control_plane.get("deployment", "w", namespace)["metadata"]["resourceVersion"]
    asked_before = len(control_plane.asked_by_operator())
    start_operator()
    workload("later")
    await_reason("Ready", "WaitingForKeda", "later")
    asked = control_plane.asked_by_operator()[asked_before:]
    written = [
        request["objectRef"]["name"]
        for request in asked
        if request["verb"] in {"patch", "create"} and request["objectRef"].get("namespace") == namespace
    ]

    assert control_plane.get("deployment", "w", namespace)["metadata"]["resourceVersion"] == before
    assert {name for name in written if not name.startswith("later")} == set()


@pytest.mark.parametrize(
    ("kind", "name", "patch"),
    [
        pytest.param("deployment", "w", {"spec": {"paused": True, "minReadySeconds": 1}}, id="a field of nobody's"),
        pytest.param(
            "deployment",
            "w",
            {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
            id="the grace period",
        ),
        pytest.param("scaledobject", "w-scaler", {"spec": {"cooldownPeriod": 1}}, id="the cooldown"),
        pytest.param(
            "scaledobject", "w-scaler", {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}, id="our label"
        ),
        pytest.param("deployment", "w", {"metadata": {"ownerReferences": None}}, id="the owner"),
    ],
)
def test_a_foreign_edit_is_mended_and_scaling_by_hand_is_not(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    kind: str,
    name: str,
    patch: Manifest,
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    control_plane.kubectl("scale", "deployment/w", "--replicas=3", "-n", namespace)
    control_plane.kubectl("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    workload("sentinel")
    await_reason("Ready", "WaitingForKeda", "sentinel")
    deployment = control_plane.get("deployment", "w", namespace)
    scaled = control_plane.get("scaledobject", "w-scaler", namespace)

    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 630
    assert [owner["name"] for owner in deployment["metadata"]["ownerReferences"]] == ["w"]
    assert scaled["spec"]["cooldownPeriod"] == 300
    assert scaled["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "greenscale"


@pytest.mark.parametrize("child", ["deployment/w", "scaledobject/w-scaler"])
def test_a_deleted_child_is_recreated_at_zero(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str, child: str
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    uid = control_plane.kubectl("get", child, "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    control_plane.kubectl("delete", child, "-n", namespace)
    control_plane.kubectl("wait", "--for=create", child, "-n", namespace, "--timeout=30s")

    assert control_plane.kubectl("get", child, "-n", namespace, "-o", "jsonpath={.metadata.uid}") != uid
    assert replicas(control_plane, namespace) == 0


def test_a_label_stripped_from_a_worker_that_runs_scales_nothing_away(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """The watch shows it as deleted; if it were created again, it would be at zero, with the job gone."""
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    control_plane.kubectl("scale", "deployment/w", "--replicas=2", "-n", namespace)
    control_plane.kubectl("label", "deployment/w", "app.kubernetes.io/managed-by-", "-n", namespace)
    control_plane.kubectl(
        "wait",
        r"--for=jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}=greenscale",
        "deployment/w",
        "-n",
        namespace,
        "--timeout=30s",
    )

    assert replicas(control_plane, namespace) == 2


def test_an_operator_killed_between_its_two_writes_wakes_nothing(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """What the first write leaves is a Deployment at zero; the second must not make it one."""
    owner = workload()
    uid = control_plane.get("gsw", "w", namespace)["metadata"]["uid"]
    labels = {"app.kubernetes.io/name": "greenscale-worker", "app.kubernetes.io/instance": "w"}
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": "w", "uid": uid}
    control_plane.kubectl(
        "create",
        "--field-manager=greenscale-create",
        "-f",
        "-",
        stdin=json.dumps(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "w", "namespace": namespace, "ownerReferences": [reference]},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "worker", "image": "greenscale-worker:0.1.0"}]},
                    },
                },
            }
        ),
    )
    start_operator()
    await_reason("Ready", "WaitingForKeda")
    applied_whole(control_plane, namespace)

    assert replicas(control_plane, namespace) == 0


def test_a_deployment_of_that_name_that_is_not_ours_is_left_alone(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    control_plane.kubectl("create", "deployment", "w", "--image=theirs", "--replicas=2", "-n", namespace)
    before = control_plane.get("deployment", "w", namespace)
    start_operator()
    workload()
    condition = await_reason("Ready", "NameConflict")

    assert "A Deployment named w exists" in condition["message"]
    assert control_plane.get("deployment", "w", namespace) == before
    assert control_plane.kubectl("get", "scaledobject", "-n", namespace, "-o", "name") == ""


def test_two_workloads_cannot_have_one_list(start_operator: Start, workload: Make, await_reason: Await) -> None:
    start_operator()
    workload("first", queue={"listName": "shared"})
    await_reason("Ready", "WaitingForKeda", "first")
    workload("second", queue={"listName": "shared"})
    condition = await_reason("Ready", "QueueTaken", "second")

    assert "is the queue of" in condition["message"]
    assert "/first already" in condition["message"]


def test_a_workload_is_published_to_the_page_and_forgotten_with_it(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    address: RedisAddress,
    raw: redis.Redis,
) -> None:
    start_operator()
    workload(queue={"maxLength": 5, "resultTTLSeconds": 60})
    await_reason("Ready", "WaitingForKeda")
    with JobClient(address) as client:
        (published,) = [status for status in client.workloads() if status.namespace == namespace]
        config = raw.hgetall(f"greenscale:{{{namespace}/w}}:config")
        control_plane.kubectl("delete", "gsw", "w", "-n", namespace)
        workload("sentinel")
        await_reason("Ready", "WaitingForKeda", "sentinel")
        left = [status.name for status in client.workloads() if status.namespace == namespace]

    assert (published.name, published.state, published.replicas) == ("w", "ScaledToZero", 0)
    assert config == {b"maxLength": b"5", b"resultTTLSeconds": b"60", b"paused": b"0"}
    assert left == ["sentinel"]


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_queue_is_deleted_with_its_workload_only_where_that_is_asked_for(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    address: RedisAddress,
    policy: str,
) -> None:
    start_operator()
    workload(queue={"deletionPolicy": policy})
    await_reason("Ready", "WaitingForKeda")
    with JobClient(address, f"greenscale:{{{namespace}/w}}") as client:
        client.submit("hi")
        control_plane.kubectl("delete", "gsw", "w", "-n", namespace, "--timeout=40s")
        left = client.stats().pending

    assert left == (1 if policy == "Retain" else 0)


def test_a_queue_at_zero_replicas_still_moves(
    start_operator: Start, workload: Make, await_reason: Await, namespace: str, address: RedisAddress
) -> None:
    """Nobody but the operator is there to move what falls due."""
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    list_name = f"greenscale:{{{namespace}/w}}"
    with redis.Redis(port=address.port) as plain, JobClient(address, list_name) as client:
        job_id = client.submit("hi")
        plain.rpop(list_name)
        plain.hset(f"{list_name}:job:{job_id}", mapping={"state": "delayed", "attempts": 1})
        plain.zadd(f"{list_name}:delayed", {job_id: 1})
        kinds = [event.type for event in [next(client.events(job_id))]]

    assert kinds == ["waiting"]
