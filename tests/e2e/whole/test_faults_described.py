"""Ten faults side by side, and what `kubectl describe gsw` says of each, as docs/status.md shows it."""

from collections.abc import Callable
from typing import Any

import pytest

from greenscale_jobs import JobClient
from greenscale_testing.control_plane import ROOT
from greenscale_testing.kubernetes import Manifest, apply, await_condition, condition, get, kubectl

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

PRINTED = ROOT / "artifacts" / "e2e" / "faults.txt"

SECONDS = 150
"""The slowest takes 60 s and what a name server needs to give up."""

NODE = {"nodeSelector": {"gpu": "h200"}, "nodeProvisioningSeconds": 5}
GATE = {
    "nodeProvisioningSeconds": 5,
    "podTemplate": {"spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}},
}
ELSEWHERE = {"hostAliases": [{"ip": "192.0.2.1", "hostnames": ["redis-service.greenscale-system.svc"]}]}
NOBODY = {"type": "OpenAI", "openAI": {"model": "m", "baseURL": "http://127.0.0.1:9/v1"}}

FAULTS: list[tuple[str, str, str, dict[str, Any]]] = [
    # Its name, its reason, what its message holds, and the workload's parts.
    ("no-node", "Unschedulable", "node(s) didn't match", {"worker": NODE}),
    ("gate", "SchedulingGated", "held by the scheduling gate kueue.x-k8s.io/admission", {"worker": GATE}),
    ("no-image", "ErrImagePull", "Correct the image's name", {"worker": {"image": "registry.example/no-such:1"}}),
    (
        "memory",
        "OOMKilled",
        "raise the memory limit (12Mi)",
        {"worker": {"resources": {"limits": {"memory": "12Mi"}}}},
    ),
    (
        "variable",
        "CrashLoopBackOff",
        "GREENSCALE_CONCURRENCY=many",
        {"worker": {"env": [{"name": "GREENSCALE_CONCURRENCY", "value": "many"}]}},
    ),
    ("queue", "WorkerNotReady", "does not claim from the queue", {"worker": {"podTemplate": {"spec": ELSEWHERE}}}),
    (
        "redis",
        "RedisUnavailable",
        "write NAME.NAMESPACE in spec.queue.redis.host",
        {"queue": {"redis": {"host": "own"}}},
    ),
    ("engine", "EngineRefuses", "nothing listens at that port", {"engine": NOBODY}),
    ("paused", "Paused", "kubectl annotate scaledobject paused-scaler -n", {}),
    ("autoscaler", "Rejected", "kubectl delete hpa theirs -n", {}),
]

ASLEEP = {"redis", "paused", "autoscaler"}
"""What needs no job to be seen."""


@pytest.mark.timeout(300)
def test_ten_faults(workload: Make, client_of: Client, namespace: str) -> None:
    apply(_their_autoscaler(namespace))
    for name, _, _, parts in FAULTS:
        workload(name, **parts)
        if name not in ASLEEP:
            client_of(name).submit("hi")
    kubectl("wait", "--for=create", "scaledobject/paused-scaler", "-n", namespace, "--timeout=60s")
    kubectl("annotate", "scaledobject", "paused-scaler", "autoscaling.keda.sh/paused=true", "-n", namespace)
    printed, messages = [], {}
    for name, reason, _, _ in FAULTS:
        messages[name] = await_condition(name, namespace, "Ready", reason, seconds=SECONDS)["message"]
        printed.append(f"$ kubectl describe gsw {name}\n{_excerpt(kubectl('describe', 'gsw', name, '-n', namespace))}")
    PRINTED.parent.mkdir(parents=True, exist_ok=True)
    PRINTED.write_text("\n\n".join(printed) + "\n")
    missing = {name: messages[name] for name, _, words, _ in FAULTS if words not in messages[name]}

    assert missing == {}
    assert {condition(name, namespace, "Degraded")["status"] for name, *_ in FAULTS} == {"True"}
    assert {get("gsw", name, namespace)["status"]["state"] for name, *_ in FAULTS} == {"Degraded"}


def _excerpt(described: str) -> str:
    """Return of a description the condition `Ready`, which is the first, the state and the events."""
    status = described.partition("Status:\n")[2].partition("\nEvents:")
    ready = status[0].partition("Ready\n")[0] + "Ready"
    state = next(line for line in status[0].splitlines() if line.strip().startswith("State:"))
    return f"...\nStatus:\n{ready}\n    ...\n{state}\nEvents:{status[2].rstrip()}"


def _their_autoscaler(namespace: str) -> Manifest:
    """An HPA that scales the Deployment `autoscaler` already when its workload is created."""
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "autoscaler"},
            "maxReplicas": 2,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }
