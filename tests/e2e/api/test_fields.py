"""Who owns which field of our objects: what others add is removed and reported, but for what they may have."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest, until
from greenscale_testing.local_redis import RedisServer

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

Pod = dict[str, Any]


def pod(spec: Pod, **metadata: Any) -> Pod:
    return {"spec": {"template": {"metadata": metadata, "spec": spec}}}


def worker(**fields: Any) -> Pod:
    return pod({"containers": [{"name": "worker", **fields}]})


SO = "scaledobject/w-scaler"
DEPLOYMENT = "deployment/w"

ADDED = {
    "spec.paused": (DEPLOYMENT, {"spec": {"paused": True}}),
    "spec.template.spec.nodeSelector": (DEPLOYMENT, pod({"nodeSelector": {"a": "b"}})),
    "spec.template.spec.containers[worker].resources.limits.cpu": (
        DEPLOYMENT,
        worker(resources={"limits": {"cpu": "1"}}),
    ),
    "spec.template.spec.containers[worker].env[X]": (DEPLOYMENT, worker(env=[{"name": "X", "value": "1"}])),
    "spec.minReplicaCount": (SO, {"spec": {"minReplicaCount": 2}}),
    "spec.fallback": (SO, {"spec": {"fallback": {"failureThreshold": 1, "replicas": 0}}}),
    "spec.advanced.restoreToOriginalReplicaCount": (
        SO,
        {"spec": {"advanced": {"restoreToOriginalReplicaCount": True}}},
    ),
}
"""What to add, by how it is reported."""

JUST_THEIRS = [
    pod({"volumes": [{"name": "v", "emptyDir": {}}]}),
    pod({"containers": [{"name": "sidecar", "image": "x"}]}),
    pod({"initContainers": [{"name": "first", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}),
    pod({}, annotations={"kubectl.kubernetes.io/restartedAt": "now"}, labels={"mesh": "on"}),
    {"metadata": {"annotations": {"theirs": "x"}, "labels": {"theirs": "x"}}},
    {"spec": {"replicas": 2}},
]


@pytest.fixture
def patch(control_plane: ControlPlane, namespace: str) -> Callable[[str, Pod], None]:
    """Change a child as somebody with kubectl would."""

    def change(child: str, body: Pod) -> None:
        kind = "strategic" if child == DEPLOYMENT else "merge"
        control_plane.kubectl("patch", child, "-n", namespace, f"--type={kind}", "-p", json.dumps(body))

    return change


@pytest.fixture
def settled(workload: Make, await_reason: Await) -> Callable[[str], None]:
    """Wait until the operator has looked at all that happened before."""

    def wait(name: str) -> None:
        workload(name)
        await_reason("Ready", "WaitingForKeda", name)

    return wait


def events(plane: ControlPlane, namespace: str, reason: str) -> list[str]:
    found = plane.kubectl("get", "events", "-n", namespace, f"--field-selector=reason={reason}", "-o", "json")
    return [event["message"] for event in json.loads(found)["items"]]


def await_event(plane: ControlPlane, namespace: str, reason: str) -> str:
    until(lambda: bool(events(plane, namespace, reason)), seconds=60)
    return events(plane, namespace, reason)[0]


def spec_of(plane: ControlPlane, namespace: str, child: str) -> Pod:
    kind, _, name = child.partition("/")
    spec: Pod = plane.get(kind, name, namespace)["spec"]
    return spec


@pytest.mark.parametrize("field", list(ADDED))
def test_an_added_field_is_removed_and_reported(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    patch: Callable[[str, Pod], None],
    namespace: str,
    field: str,
) -> None:
    child, body = ADDED[field]
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    before = spec_of(control_plane, namespace, child)
    patch(child, body)
    message = await_event(control_plane, namespace, "DriftCorrected")

    assert f"{field} (kubectl-patch)" in message
    assert spec_of(control_plane, namespace, child) == before


def test_what_others_may_have_stays(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    patch: Callable[[str, Pod], None],
    settled: Callable[[str], None],
    namespace: str,
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    for body in JUST_THEIRS:
        patch(DEPLOYMENT, body)
    workload(scaling={"maxReplicas": 9}, worker={"concurrency": 2})  # an apply leaves it too
    control_plane.kubectl("wait", "--for=jsonpath={.spec.maxReplicaCount}=9", SO, "-n", namespace, "--timeout=30s")
    settled("sentinel")
    found = control_plane.get("deployment", "w", namespace)
    template = found["spec"]["template"]

    assert events(control_plane, namespace, "DriftCorrected") == []
    assert {one["name"] for one in template["spec"]["containers"]} == {"worker", "sidecar"}
    assert [one["name"] for one in template["spec"]["initContainers"]] == ["first"]
    assert [one["name"] for one in template["spec"]["volumes"]] == ["v"]
    assert (template["metadata"]["labels"]["mesh"], found["metadata"]["labels"]["theirs"]) == ("on", "x")
    assert template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"
    assert found["spec"]["replicas"] == 2


def test_somebody_who_insists_is_reported_and_left(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    patch: Callable[[str, Pod], None],
    settled: Callable[[str], None],
    namespace: str,
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    patch(DEPLOYMENT, {"spec": {"minReadySeconds": 7}})
    await_event(control_plane, namespace, "DriftCorrected")
    patch(DEPLOYMENT, {"spec": {"minReadySeconds": 7}})
    message = await_event(control_plane, namespace, "ForeignFieldsKept")
    settled("sentinel")

    assert "spec.minReadySeconds (kubectl-patch)" in message
    assert spec_of(control_plane, namespace, DEPLOYMENT)["minReadySeconds"] == 7


def test_a_deployment_is_created_whole_at_zero_and_later_applies_own_all_of_it_but_the_replicas(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload(worker={"nodeSelector": {"gpu": "a100"}, "env": [{"name": "EMPTY", "value": ""}]})
    await_reason("Ready", "WaitingForKeda")
    made = control_plane.get("deployment", "w", namespace)
    managers = {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in json.loads(
            control_plane.kubectl("get", "deploy", "w", "-n", namespace, "-o", "json", "--show-managed-fields")
        )["metadata"]["managedFields"]
    }
    control_plane.kubectl(
        "patch", "gsw", "w", "-n", namespace, "--type=merge",
        "-p", '{"spec": {"worker": {"nodeSelector": null, "env": null}, "queue": {"jobTimeoutSeconds": 60}}}',
    )  # fmt: skip
    control_plane.kubectl(
        "wait", "--for=jsonpath={.spec.template.spec.terminationGracePeriodSeconds}=90", "deploy/w", "-n", namespace,
        "--timeout=30s",
    )  # fmt: skip
    later = control_plane.get("deployment", "w", namespace)["spec"]["template"]["spec"]

    assert made["spec"]["replicas"] == 0
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"gpu": "a100"}
    assert managers.keys() == {("greenscale", "Apply"), ("greenscale-create", "Update")}
    assert managers["greenscale-create", "Update"] == {"f:spec": {"f:replicas": {}}}
    assert "nodeSelector" not in later, "what a later apply leaves out goes"
    assert "EMPTY" not in [entry["name"] for entry in later["containers"][0]["env"]]


def test_a_rollout_undo_goes_back_to_no_bare_template(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """The first revision has the whole template; who goes back to it finds the present one again."""
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    whole = spec_of(control_plane, namespace, DEPLOYMENT)["template"]
    bare = json.dumps(pod({"containers": [{"name": "worker", "image": "greenscale-worker:0.1.0"}]}))
    control_plane.kubectl("patch", DEPLOYMENT, "-n", namespace, "--type=merge", "-p", bare)
    await_event(control_plane, namespace, "DriftCorrected")

    assert spec_of(control_plane, namespace, DEPLOYMENT)["template"] == whole


def test_a_trigger_authentication_that_was_cut_off_from_us_is_found_again(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    """Without our label no watch shows it, though it is there."""
    own_redis.options = ("--requirepass", "sesame")
    own_redis.start()
    control_plane.kubectl("create", "secret", "generic", "redis", "--from-literal=password=sesame", "-n", namespace)
    start_operator()
    reference = {"name": "redis", "key": "password"}
    workload(queue={"redis": {"host": "127.0.0.1", "port": own_redis.address.port, "passwordSecretRef": reference}})
    await_reason("Ready", "WaitingForKeda")
    uid = control_plane.get("triggerauthentication", "w-redis", namespace)["metadata"]["uid"]
    control_plane.kubectl("label", "triggerauthentication/w-redis", "app.kubernetes.io/managed-by-", "-n", namespace)
    control_plane.kubectl(
        "wait",
        r"--for=jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}=greenscale",
        "triggerauthentication/w-redis",
        "-n",
        namespace,
        "--timeout=30s",
    )

    assert control_plane.get("triggerauthentication", "w-redis", namespace)["metadata"]["uid"] == uid
