"""What the API server refuses: the status says so in its words, and nothing is changed."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.aio import client, config

from greenscale_jobs import RedisAddress
from greenscale_operator.cluster import Cluster
from greenscale_operator.main import make_reconciler
from greenscale_operator.objects import Install
from greenscale_operator.queues import Queues
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.watch_cache import Key, WatchCache
from greenscale_testing.control_plane import ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.local_redis import RedisServer

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

DEPLOYMENT, SCALER = "deployment", "scaledobject"

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a-quantity": ({"resources": {"limits": {"memory": "1Gb"}}}, "Rejected", "quantities must match"),
    "an-account": ({"serviceAccountName": "Not Valid"}, "Rejected", "serviceAccountName"),
    "a-shape": ({"affinity": {"nodeAffinity": []}}, "Rejected", "nodeAffinity"),
    "a-field": ({"tolerations": [{"kee": "x"}]}, "Rejected", "kee"),
    "a-reference": ({"envFrom": [{"configMapRef": "x"}]}, "Rejected", "configMapRef"),
    "a-source": ({"env": [{"name": "A", "valueFrom": {"key": "x"}}]}, "Rejected", "key"),
    "an-annotation": (
        {"podTemplate": {"metadata": {"annotations": {"prometheus.io/port": 9090}}}},
        "Rejected",
        "annotations",
    ),
    "a-pods-field": ({"podTemplate": {"spec": {"nodeselector": {"a": "b"}}}}, "Rejected", "nodeselector"),
    "a-selector": (
        {"podTemplate": {"metadata": {"labels": {"app.kubernetes.io/name": "mine"}}}},
        "Rejected",
        "selector",
    ),
    "a-number": (
        {"podTemplate": {"spec": {"containers": [{"name": "worker", "env": [{"name": "A", "value": 1}]}]}}},
        "Rejected",
        "value",
    ),
    "twice": (
        {
            "podTemplate": {
                "spec": {"topologySpreadConstraints": [{"topologyKey": "a", "maxSkew": 0, "whenUnsatisfiable": "x"}]}
            }
        },
        "Rejected",
        "maxSkew",
    ),
    "deleted": ({"podTemplate": {"$patch": "delete"}}, "InvalidSpec", "spec.worker.podTemplate"),
    "a-list": ({"podTemplate": {"spec": []}}, "InvalidSpec", "spec.worker.podTemplate.spec is a list"),
}
"""By name: a worker, the reason and the words of the refusal."""


def conditions(plane: ControlPlane, namespace: str, name: str = "w") -> dict[str, Manifest]:
    found = plane.get("gsw", name, namespace)
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    return {condition["type"]: condition for condition in found["status"]["conditions"]}


def children(plane: ControlPlane, namespace: str, name: str = "w") -> list[tuple[str, int]]:
    """Which Deployment and ScaledObject there are, and of which generation."""
    metadata = [
        plane.get(kind, child, namespace)["metadata"]
        for kind, child in ((DEPLOYMENT, name), (SCALER, f"{name}-scaler"))
    ]
    return [(one["uid"], one["generation"]) for one in metadata]


def test_new_workloads_that_are_refused_say_so_and_leave_nothing_half_made(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    for name, (worker, _, _) in REFUSED.items():
        workload(name, worker=worker)
    for name, (_, reason, words) in REFUSED.items():
        ready = await_reason("Ready", reason, name)
        accepted = conditions(control_plane, namespace, name)["SpecAccepted"]
        fields = f"involvedObject.name={name},type=Warning,reason={reason}"
        events = control_plane.kubectl("get", "events", "-n", namespace, f"--field-selector={fields}", "-o", "name")

        assert words in ready["message"], name
        assert (ready["status"], accepted["status"], accepted["reason"]) == ("False", "False", reason), name
        assert "former version" not in ready["message"], name
        assert len(events.split()) == 1, name
        assert control_plane.get("gsw", name, namespace)["status"]["state"] == "Degraded", name
    left = control_plane.kubectl("get", "deploy,so", "-n", namespace, "-o", "name")
    control_plane.kubectl("delete", "gsw", "--all", "-n", namespace)  # each later operator would try them again

    assert left == ""


def test_edits_that_are_refused_change_nothing(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    for name in REFUSED:
        workload(name)
    before = {}
    for name in REFUSED:
        await_reason("Ready", "WaitingForKeda", name)
        before[name] = children(control_plane, namespace, name)
    for name, (worker, _, _) in REFUSED.items():
        workload(name, worker=worker, scaling={"maxReplicas": 7})
    for name, (_, reason, words) in REFUSED.items():
        ready = await_reason("Ready", reason, name)
        found = conditions(control_plane, namespace, name)

        assert words in ready["message"], name
        assert "The former version stays in place." in ready["message"], name
        assert found["SpecAccepted"]["status"] == "False", name
        assert found["WorkerAvailable"]["status"] == "True", "the former workers go on"
        assert children(control_plane, namespace, name) == before[name], name
    control_plane.kubectl("delete", "gsw", "--all", "-n", namespace)


def test_a_refusal_goes_with_its_cause(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload()
    await_reason("SpecAccepted", "Accepted")
    workload(worker={"resources": {"limits": {"memory": "1Gb"}}})
    await_reason("SpecAccepted", "Rejected")
    control_plane.kubectl(
        "patch", "gsw", "w", "-n", namespace, "--type=merge", "-p", '{"spec": {"worker": {"resources": null}}}'
    )
    await_reason("SpecAccepted", "Accepted")
    await_reason("Ready", "WaitingForKeda")


def test_suspending_stops_the_pods_though_the_new_deployment_is_refused(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    before, _ = children(control_plane, namespace)
    workload(suspend=True, worker={"resources": {"limits": {"memory": "1Gb"}}})
    await_reason("SpecAccepted", "Rejected")
    paused = r"--for=jsonpath={.metadata.annotations.autoscaling\.keda\.sh/paused-replicas}=0"
    control_plane.kubectl("wait", paused, "so/w-scaler", "-n", namespace, "--timeout=30s")

    assert children(control_plane, namespace)[0] == before


def test_suspending_with_a_broken_pod_template_stops_the_pods_too(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    workload()
    await_reason("Ready", "WaitingForKeda")
    workload(suspend=True, worker={"podTemplate": {"$patch": "delete"}})
    paused = r"--for=jsonpath={.metadata.annotations.autoscaling\.keda\.sh/paused-replicas}=0"
    control_plane.kubectl("wait", paused, "so/w-scaler", "-n", namespace, "--timeout=30s")
    await_reason("SpecAccepted", "InvalidSpec")


def test_a_variable_that_the_operator_sets_too_has_the_users_value(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    env = [{"name": "GREENSCALE_LOG_FORMAT", "value": "text"}, {"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    workload(worker={"env": env})
    await_reason("SpecAccepted", "Accepted")
    (container,) = control_plane.get("deployment", "w", namespace)["spec"]["template"]["spec"]["containers"]
    values = [(entry["name"], entry.get("value")) for entry in container["env"]]

    assert [value for name, value in values if name == "GREENSCALE_LOG_FORMAT"] == ["text"]
    assert [value for name, value in values if name == "A"] == ["2"]


async def test_an_error_of_our_own_ends_in_a_status_and_in_a_ready_when_it_is_mended(
    control_plane: ControlPlane, workload: Make, namespace: str, address: RedisAddress
) -> None:
    """Without the operator's process: its own bug is an installation that was never checked."""
    workload(queue={"redis": {"host": None}})
    key, cache, queues = Key(namespace, "w"), WatchCache(), Queues()
    await config.load_kube_config(str(control_plane.kubeconfig))  # type: ignore[no-untyped-call]
    async with client.ApiClient() as api:
        broken: Any = None
        cache.put_workload(control_plane.get("gsw", "w", namespace))
        reconciler = make_reconciler(Cluster(api), cache, queues, Keda(), Install(redis_host=broken), identity="test")
        try:
            for _ in range(2):
                with pytest.raises(TypeError):
                    await reconciler.reconcile(key)
            failed = conditions(control_plane, namespace)
            version = control_plane.get("gsw", "w", namespace)["metadata"]["resourceVersion"]
            with pytest.raises(TypeError):
                await reconciler.reconcile(key)
            again = control_plane.get("gsw", "w", namespace)["metadata"]["resourceVersion"]
            workload(queue={"redis": {"host": "127.0.0.1", "port": address.port}})
            cache.put_workload(control_plane.get("gsw", "w", namespace))
            for _ in range(2):
                await reconciler.reconcile(key)
            mended = conditions(control_plane, namespace)
        finally:
            await queues.aclose()
    await asyncio.sleep(0.25)  # aiohttp's connections end a little after their session; nothing tells when

    assert (failed["Ready"]["status"], failed["Ready"]["reason"]) == ("False", "InternalError")
    assert "TypeError" in failed["Ready"]["message"]
    assert again == version, "the same failure is not written again"
    assert (mended["Ready"]["status"], mended["Ready"]["reason"]) == ("Unknown", "WaitingForKeda")


def test_a_status_that_is_refused_leaves_the_smallest_one_that_says_so(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    """As with a CRD that is older than the operator."""
    own_redis.start()
    own_plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/state/enum"
    own_plane.kubectl(
        "patch", "crd", "greenscaleworkloads.greenscale.dev", "--type=json",
        "-p", json.dumps([{"op": "replace", "path": path, "value": ["Active"]}]),
    )  # fmt: skip
    redis = {"host": "127.0.0.1", "port": own_redis.address.port}
    manifest = {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"engine": {"type": "Echo"}, "queue": {"redis": redis}},
    }
    own_plane.apply(manifest)
    start_operator(own_plane)
    ready = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=Rejected'
    own_plane.kubectl("wait", ready, "gsw/w", "--timeout=40s")
    found = conditions(own_plane, "default")

    assert "status.state" in found["Ready"]["message"]
    assert found.keys() == {"Ready"}
