"""KEDA's own moods, on KEDA itself: its long retry, and its admission webhook."""

from collections.abc import Callable

import pytest

from greenscale_testing.kubernetes import Manifest, apply, await_condition, get, kubectl, until

Make = Callable[..., Manifest]

FAILURES = 13
"""KEDA tries again after 5 ms, 10 ms, ...: after so many failures its next try is 41 s away."""

ON_AND_OFF = """
touch /tmp/on
while :; do
    [ -e /tmp/on ] && redis-server --protected-mode no --save ""
    sleep 0.2
done
"""
"""A Redis that is off refuses at once; one without a pod would keep whoever asks waiting."""


def redis_pod(namespace: str) -> Manifest:
    container = {
        "name": "redis",
        "image": "redis:8-alpine",
        "command": ["sh", "-c", ON_AND_OFF],
        "workingDir": "/tmp",  # noqa: S108 - the pod's own
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 999,
            "seccompProfile": {"type": "RuntimeDefault"},
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "own-redis", "namespace": namespace, "labels": {"app": "own-redis"}},
        "spec": {"automountServiceAccountToken": False, "containers": [container]},
    }


def scaler(namespace: str) -> tuple[str, str]:
    """Return what KEDA says of its ScaledObject, and the annotation by which it is nudged."""
    found = get("scaledobject", "echo-scaler", namespace)
    conditions = {condition["type"]: condition for condition in found["status"]["conditions"]}
    annotations = found["metadata"].get("annotations", {})
    return conditions["Ready"]["reason"], annotations.get("autoscaling.keda.sh/force-activation")


@pytest.mark.timeout(400)
def test_keda_is_woken_when_redis_is_back_and_it_would_sleep_on(workload: Make, namespace: str) -> None:
    """A KEDA that was started while Redis was away waits longer and longer, in the end sixteen minutes."""
    service = {"selector": {"app": "own-redis"}, "ports": [{"port": 6379}]}
    apply(
        redis_pod(namespace),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "own-redis", "namespace": namespace},
            "spec": service,
        },
    )
    kubectl("wait", "--for=condition=Ready", "pod/own-redis", "-n", namespace, "--timeout=60s")
    workload(queue={"redis": {"host": f"own-redis.{namespace}.svc"}})
    await_condition("echo", namespace, "Ready", "ScaledToZero")
    kubectl("exec", "own-redis", "-n", namespace, "--", "sh", "-c", "rm /tmp/on; redis-cli shutdown nosave")
    await_condition("echo", namespace, "Ready", "RedisUnavailable")
    kubectl("rollout", "restart", "deployment/keda-operator", "-n", "keda")
    kubectl("rollout", "status", "deployment/keda-operator", "-n", "keda", "--timeout=120s", seconds=130)
    until(lambda: scaler(namespace)[0] == "ScaledObjectCheckFailed", seconds=60)
    until(lambda: refusals(namespace) >= FAILURES, seconds=180)
    kubectl("exec", "own-redis", "-n", namespace, "--", "touch", "/tmp/on")  # noqa: S108
    await_condition("echo", namespace, "QueueReachable", "RedisAnswers")
    await_condition("echo", namespace, "Ready", "ScaledToZero", seconds=30)

    assert scaler(namespace) == ("ScaledObjectReady", "false")


def refusals(namespace: str) -> int:
    """Return how often KEDA has failed at this namespace's ScaledObject."""
    log = kubectl("logs", "deployment/keda-operator", "-n", "keda", "--tail=-1")
    return sum("Reconciler error" in line and namespace in line for line in log.splitlines())


def test_what_keda_s_webhook_refuses_is_quoted_and_tried_again(workload: Make, namespace: str) -> None:
    """Two autoscalers on one Deployment would fight."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "echo"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 1}}
    apply(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "theirs", "namespace": namespace},
            "spec": {"scaleTargetRef": target, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource": cpu}]},
        }
    )
    workload()
    condition = await_condition("echo", namespace, "Ready", "Rejected")
    kubectl("delete", "hpa", "theirs", "-n", namespace)
    await_condition("echo", namespace, "Ready", "ScaledToZero", seconds=90)

    assert "already managed by the hpa 'theirs'" in condition["message"]
