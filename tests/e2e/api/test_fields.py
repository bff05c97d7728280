"""Who owns which field of our objects: what others add is removed and reported, but for what they may have."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest
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
    pod({"containers": [{"name": "sidecar", "image": "x"}]}),
    pod({"initContainers": [{"name": "first", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}),
    pod({"volumes": [{"name": "v", "emptyDir": {}}]}),
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
    fields = f"--field-selector=reason={reason}"
    plane.kubectl("wait", "--for=create", "events", "-n", namespace, fields, "--timeout=60s")
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
    assert spec_of(control_plane, namespace, child) != before or events(control_plane, namespace, "DriftCorrected")
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
    assert [one["name"] for one in template["spec"]["containers"]] == ["worker", "sidecar"]
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


def test_a_rollout_undo_goes_back_to_no_bare_template(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """The first revision has the whole template; who goes back to it finds the present one again."""
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    whole = spec_of(control_plane, namespace, DEPLOYMENT)["template"]
    bare = pod({"containers": [{"name": "worker", "image": "greenscale-worker:0.1.0", "$patch": "replace"}]})
    control_plane.kubectl("patch", DEPLOYMENT, "-n", namespace, "-p", json.dumps(bare))
    await_event(control_plane, namespace, "DriftCorrected")

    assert spec_of(control_plane, namespace, DEPLOYMENT)["template"] == whole


@pytest.fixture
def mutating(control_plane: ControlPlane, namespace: str) -> Iterator[Callable[[], None]]:
    """A policy that gives each Deployment of the namespace a priority class and another registry."""
    name = f"mutate-{namespace}"
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}

    def enforce() -> None:
        rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
        template = "Object.spec.template.spec"
        expression = (
            f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: {template}{{priorityClassName: 'x', "
            f"containers: [{template}.containers{{name: 'worker', image: 'mirror/worker'}}]}}}}}}}}"
        )
        matches = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}],
        }
        mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": matches,
            "mutations": [mutation],
        }
        control_plane.apply(
            {**api, "kind": "MutatingAdmissionPolicy", "spec": spec},
            {**api, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": name}},
        )
        probe = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "probe", "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "worker", "image": "i"}]},
                },
            },
        }
        for _ in range(200):  # it takes effect in its own time
            made = control_plane.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", told=json.dumps(probe))
            if "mirror/worker" in made:
                return
        raise AssertionError("the policy is not enforced")

    yield enforce
    for kind in ("mutatingadmissionpolicy", "mutatingadmissionpolicybinding"):
        control_plane.kubectl("delete", kind, name, "--ignore-not-found")


def test_what_a_mutating_policy_makes_of_our_own_write_is_left_without_a_fight(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    mutating: Callable[[], None],
    settled: Callable[[str], None],
    namespace: str,
) -> None:
    start_operator()
    workload("before")
    await_reason("Ready", "WaitingForKeda", "before")
    mutating()
    workload("before", worker={"concurrency": 2})
    workload("after")
    await_reason("Ready", "WaitingForKeda", "after")
    control_plane.kubectl(
        "wait", "--for=jsonpath={.spec.template.spec.priorityClassName}=x", "deploy/before", "-n", namespace,
        "--timeout=30s",
    )  # fmt: skip
    settled("sentinel")
    versions = [control_plane.get("deployment", name, namespace)["metadata"] for name in ("before", "after")]
    settled("second-sentinel")
    later = [control_plane.get("deployment", name, namespace) for name in ("before", "after")]

    assert [one["metadata"]["generation"] for one in later] == [one["generation"] for one in versions]
    assert {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in later} == {"mirror/worker"}
    assert events(control_plane, namespace, "DriftCorrected") == []


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
    asked = [told["objectRef"] for told in plane.asked_by_operator() if told["verb"] == "get" and "objectRef" in told]
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
    redis: Pod = {"host": "127.0.0.1", "port": own_redis.address.port}
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
