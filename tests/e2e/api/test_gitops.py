"""What Argo CD and Flux make of a workload in each of its states, and that `kubectl diff` finds nothing of ours."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Facts, Scaler, Workers
from greenscale_operator.status import status
from greenscale_testing.control_plane import ROOT, ControlPlane
from greenscale_testing.gitops import HEALTH_KEY, argocd_health, flux_status
from greenscale_testing.kubernetes import Manifest, as_list
from greenscale_testing.local_redis import RedisServer

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

NOW = 1_700_000_000.0

ASLEEP = Facts(
    now=NOW,
    generation=2,
    max_replicas=4,
    stats=Stats(0, 0, 0, 0),
    workers=Workers(),
    scaler=Scaler(ready=True),
    is_accepted=True,
)

AWAKE: dict[str, Any] = {"workers": Workers(2, 2), "scaler": Scaler(ready=True, active=True, last_active=NOW)}

SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
    "data": {"url": "https://argocd.example"},
}
"""What an installation of Argo CD has before our health check."""


def resource(*, generation: int = 2, **changes: Any) -> Manifest:
    """Return a workload with the status that the operator writes."""
    written = status(msgspec.structs.replace(ASLEEP, **changes), {}, model=None)
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": "w", "namespace": "default", "generation": generation},
        "spec": {"engine": {"type": "Echo"}},
        "status": written,
    }


REFUSED = Problem("Rejected", "spec.worker.resources: quantities must match")
GONE = Problem("RedisUnavailable", "Redis does not answer")

STATES = [
    pytest.param(resource(), "Healthy", "Current", id="at zero"),
    pytest.param(resource(stats=Stats(1, 0, 0, 0), workers=Workers(1)), "Healthy", "Current", id="waking"),
    pytest.param(resource(**AWAKE, stats=Stats(0, 2, 0, 0)), "Healthy", "Current", id="active"),
    pytest.param(resource(**AWAKE), "Healthy", "Current", id="cooling down"),
    pytest.param(resource(suspend=True), "Suspended", "Current", id="suspended"),
    pytest.param(resource(suspend=True, **AWAKE, stats=Stats(1, 1, 0, 0)), "Suspended", "Current", id="draining"),
    pytest.param(resource(queue_problem=GONE), "Degraded", "Failed", id="no Redis"),
    pytest.param(resource(suspend=True, queue_problem=GONE), "Degraded", "Failed", id="suspended, and no Redis"),
    pytest.param(resource(refusal=REFUSED), "Degraded", "Failed", id="an edit that was refused"),
    pytest.param(resource(workers=None), "Progressing", "InProgress", id="no Deployment yet"),
    pytest.param(resource(scaler=Scaler()), "Progressing", "InProgress", id="KEDA has not answered yet"),
    pytest.param(resource(generation=3), "Progressing", "InProgress", id="edited since"),
    pytest.param(
        resource(generation=3, queue_problem=GONE), "Progressing", "InProgress", id="edited since, and degraded before"
    ),
]


@pytest.fixture(scope="session")
def settings(control_plane: ControlPlane) -> Manifest:
    """The argocd-cm after the command of docs/kubernetes.md."""
    control_plane.kubectl("create", "namespace", "argocd")
    control_plane.kubectl("apply", "-n", "argocd", "-f", "-", stdin=json.dumps(SETTINGS))
    (command,) = (
        line.strip()
        for line in (ROOT / "docs" / "kubernetes.md").read_text().splitlines()
        if "deploy/argocd/health.lua" in line and "kubectl" in line
    )
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],  # noqa: S607
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(control_plane.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return control_plane.get("configmap", "argocd-cm", "argocd")


@pytest.mark.timeout(900)  # the first one builds both programs
@pytest.mark.parametrize(("workload", "argocd", "flux"), STATES)
def test_health_in_each_state(settings: Manifest, tmp_path: Path, workload: Manifest, argocd: str, flux: str) -> None:
    health = argocd_health(settings, workload, tmp_path)

    assert (health["status"], flux_status(workload)) == (argocd, flux)
    assert health["message"]


def test_the_message_names_the_fault(settings: Manifest, tmp_path: Path) -> None:
    refused = argocd_health(settings, resource(refusal=REFUSED), tmp_path)
    degraded = argocd_health(settings, resource(queue_problem=GONE), tmp_path)

    assert refused["message"] == "spec.worker.resources: quantities must match"
    assert degraded["message"] == "Redis does not answer"


def test_the_settings_of_argo_cd_are_kept(settings: Manifest) -> None:
    assert settings["data"]["url"] == "https://argocd.example"
    assert settings["data"][HEALTH_KEY] == (ROOT / "deploy" / "argocd" / "health.lua").read_text()


def test_a_workload_that_no_operator_has_seen_is_progressing(
    control_plane: ControlPlane, settings: Manifest, tmp_path: Path, workload: Make, namespace: str
) -> None:
    """Not healthy, as Flux takes a resource without any status to be, nor an error for a field that is missing."""
    workload()
    fresh = control_plane.get("gsw", "w", namespace)

    assert argocd_health(settings, fresh, tmp_path)["status"] == "Progressing"
    assert flux_status(fresh) == "InProgress"


def test_health_follows_a_workload_of_the_api_server(
    control_plane: ControlPlane,
    settings: Manifest,
    tmp_path: Path,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    own_redis.start()
    redis = {"redis": {"host": "127.0.0.1", "port": own_redis.address.port}}

    def health() -> tuple[str, str]:
        body = control_plane.get("gsw", "w", namespace)
        return argocd_health(settings, body, tmp_path)["status"], flux_status(body)

    start_operator()
    workload(queue=redis)
    await_reason("Ready", "WaitingForKeda")
    waiting = health()
    answer_as_keda(control_plane, namespace)
    await_reason("Ready", "ScaledToZero")
    asleep = health()
    workload(queue=redis, suspend=True)
    await_reason("Ready", "Suspended")
    suspended = health()
    own_redis.stop(kill=True)
    await_reason("QueueReachable", "RedisUnavailable")
    degraded = health()

    assert waiting == ("Progressing", "InProgress")
    assert asleep == ("Healthy", "Current")
    assert suspended == ("Suspended", "Current")
    assert degraded == ("Degraded", "Failed")


def answer_as_keda(plane: ControlPlane, namespace: str) -> None:
    """Write what KEDA writes into a ScaledObject that it watches."""
    ready = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "ScaledObject is defined"}
    active = {"type": "Active", "status": "False", "reason": "ScalerNotActive", "message": "Scaling is not performed"}
    plane.kubectl(
        "patch", "scaledobject", "w-scaler", "-n", namespace, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": {"conditions": [ready, active]}}),
    )  # fmt: skip


EVERYTHING = {
    "engine": {"type": "Server", "server": {"image": "i", "model": "m", "cache": {"emptyDir": {"size": "1Gi"}}}},
    "worker": {"resources": {"limits": {"memory": "1024Mi", "cpu": "0.5"}}, "env": [{"name": "A", "value": "b"}]},
    "queue": {"deletionPolicy": "Delete", "redis": {"host": "127.0.0.1"}},
    "scaling": {
        "maxReplicas": 3,
        "schedules": [{"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "minReplicas": 1}],
    },
}
"""With fields that have defaults of their own, a finalizer of ours, and quantities that Kubernetes writes otherwise."""


def read_manifest(file: str) -> Manifest:
    found: Manifest = yaml.safe_load((ROOT / file).read_text())
    return found


MANIFESTS = {
    "defaults": {"engine": {"type": "Echo"}},
    "much": EVERYTHING,
    "sample": read_manifest("deploy/samples/openai.yaml")["spec"],
    "example": read_manifest("examples/server-vllm.yaml")["spec"],
}


@pytest.mark.parametrize("server_side", [False, True], ids=["apply", "server-side apply"])
def test_kubectl_diff_is_quiet_after_reconciliation(
    control_plane: ControlPlane,
    start_operator: Start,
    namespace: str,
    tmp_path: Path,
    server_side: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A GitOps controller that saw a difference would apply again and again."""
    head = {"apiVersion": "greenscale.dev/v1alpha1", "kind": "GreenScaleWorkload"}
    metadata = {name: {"name": name, "namespace": namespace} for name in MANIFESTS}
    file = tmp_path / "workloads.json"
    file.write_text(as_list(*({**head, "metadata": metadata[name], "spec": MANIFESTS[name]} for name in MANIFESTS)))
    how = ["--server-side", "--field-manager=argocd-controller"] if server_side else []
    start_operator()
    control_plane.kubectl("apply", *how, "-f", str(file))
    for name in MANIFESTS:
        reconciled = "--for=jsonpath={.status.observedGeneration}=1"
        control_plane.kubectl("wait", reconciled, f"gsw/{name}", "-n", namespace, "--timeout=40s")

    assert control_plane.kubectl("diff", *how, "-f", str(file)) == ""
    assert control_plane.get("gsw", "much", namespace)["metadata"]["finalizers"] == ["greenscale.dev/delete-queue"]
