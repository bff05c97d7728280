"""What must exist in the cluster for one workload, as plain dicts.

Pure: no I/O, no clock, no Kopf. `cluster` applies it, `conditions` says what came of it.
"""

import ipaddress
from typing import Any

import msgspec

from greenscale_operator.overlay import overlay
from greenscale_operator.pod import pod_template
from greenscale_operator.workload import Workload

Manifest = dict[str, Any]
"""A Kubernetes object as YAML has it."""

MANAGED_BY = {"app.kubernetes.io/managed-by": "greenscale"}
"""What the operator's watches select by."""

FINISHING_SECONDS = 10
"""Beyond a job's time limit: for storing its result."""

LEAVING_SECONDS = 20
"""Beyond the worker's own grace: for handing back, before the kubelet kills."""


class Install(msgspec.Struct, frozen=True):
    """What an installation of GreenScale gives every workload."""

    namespace: str = "greenscale-system"
    redis_host: str = "redis-service"
    worker_image: str = "greenscale-worker:0.1.0"


class Switches(msgspec.Struct, frozen=True):
    """What KEDA is told beside the scaling, by annotations of the ScaledObject."""

    paused: bool = False
    """Stay at zero whatever waits: for a suspended workload in which nothing runs any more."""
    nudged: bool = False
    """Means nothing; a change of it makes KEDA look at once, where it would wait up to 16 minutes."""


def manifests(workload: Workload, install: Install | None = None) -> list[Manifest]:
    """Return all objects of a workload, in the order in which they must be applied."""
    install = install or Install()
    authentication = trigger_authentication(workload)
    return [
        *([authentication] if authentication else []),
        deployment(workload, install),
        scaled_object(workload, install),
    ]


def deployment(workload: Workload, install: Install) -> Manifest:
    """Return the worker Deployment, without `replicas`: KEDA is their only writer."""
    template = pod_template(
        workload,
        labels={**selector(workload), **MANAGED_BY},
        image=workload.worker.image or install.worker_image,
        redis_host=redis_host(workload, install),
        grace_seconds=workload.queue.job_timeout_seconds + FINISHING_SECONDS,
        termination_seconds=workload.queue.job_timeout_seconds + FINISHING_SECONDS + LEAVING_SECONDS,
    )
    spec = {
        "selector": {"matchLabels": selector(workload)},
        # No surge: a rollout must not wait for a GPU that nobody has to spare.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": overlay(template, workload.worker.pod_template),
    }
    return _object(workload, "apps/v1", "Deployment", workload.name, spec)


def scaled_object(workload: Workload, install: Install, switches: Switches | None = None) -> Manifest:
    """Return the ScaledObject that wakes the Deployment and puts it to sleep.

    `minReplicaCount` stays unset at 0; `idleReplicaCount` and `fallback` always: a fallback of 0 would kill running
    jobs when Redis goes away (KEDA 2.20.2, pkg/scaling/executor).
    """
    scaling = workload.scaling
    spec: Manifest = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": workload.name,
            "envSourceContainerName": "worker",
        },
        "pollingInterval": scaling.polling_interval,
        "cooldownPeriod": scaling.cooldown_period,
        "maxReplicaCount": scaling.max_replicas,
        "advanced": {
            "scalingModifiers": {
                "formula": _formula(workload),
                "target": str(workload.jobs_per_replica),
                "activationTarget": "0",
                "metricType": "AverageValue",
            },
            "horizontalPodAutoscalerConfig": {"behavior": _behavior(workload)},
        },
        "triggers": [
            _redis_trigger("pending", workload.list_name, workload, install),
            _redis_trigger("inflight", f"{workload.list_name}:inflight", workload, install),
            *_schedule_triggers(workload),
        ],
    }
    if scaling.min_replicas:
        spec["minReplicaCount"] = scaling.min_replicas
    name = f"{workload.name}-scaler"
    manifest = _object(workload, "keda.sh/v1alpha1", "ScaledObject", name, spec)
    # KEDA sets this label itself; found there, it saves an update.
    manifest["metadata"]["labels"]["scaledobject.keda.sh/name"] = name
    annotations = _annotations(switches or Switches())
    if annotations:
        manifest["metadata"]["annotations"] = annotations
    return manifest


def _annotations(switches: Switches) -> dict[str, str]:
    return {
        **({"autoscaling.keda.sh/paused-replicas": "0"} if switches.paused else {}),
        **({"autoscaling.keda.sh/force-activation": "false"} if switches.nudged else {}),
    }


def trigger_authentication(workload: Workload) -> Manifest | None:
    """Return how KEDA gets Redis' password and certificates, or None where it needs neither."""
    redis = workload.queue.redis
    secrets = {"password": redis.password_secret_ref, "ca": redis.ca_secret_ref}
    references = [
        {"parameter": name, "name": secret.name, "key": secret.key} for name, secret in secrets.items() if secret
    ]
    if not references:
        return None
    spec = {"secretTargetRef": references}
    return _object(workload, "keda.sh/v1alpha1", "TriggerAuthentication", _authentication(workload), spec)


def redis_host(workload: Workload, install: Install) -> str:
    """Return Redis' host so that every namespace resolves it.

    KEDA looks names up in its own namespace, the worker in the workload's: a bare Service name is qualified.
    """
    host = workload.queue.redis.host or install.redis_host
    if "." in host or host == "localhost" or _is_address(host):
        return host
    return f"{host}.{install.namespace}.svc"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _formula(workload: Workload) -> str:
    """Return the work that exists; in a schedule's time at least as much as keeps its replicas.

    KEDA's cron trigger says 1 outside of its time, so each asks for one more than it means.
    """
    work = "pending + inflight"
    kept = [
        f"(schedule{number} - 1) * {workload.jobs_per_replica}" for number, _ in enumerate(workload.scaling.schedules)
    ]
    return f"max({', '.join([work, *kept])})" if kept else work


def _schedule_triggers(workload: Workload) -> list[Manifest]:
    return [
        {
            "type": "cron",
            "name": f"schedule{number}",
            "metadata": {
                "timezone": schedule.timezone,
                "start": schedule.start,
                "end": schedule.end,
                "desiredReplicas": str(schedule.min_replicas + 1),
            },
        }
        for number, schedule in enumerate(workload.scaling.schedules)
    ]


def _redis_trigger(name: str, list_name: str, workload: Workload, install: Install) -> Manifest:
    redis = workload.queue.redis
    metadata = {
        "address": f"{redis_host(workload, install)}:{redis.port}",
        "listName": list_name,
        "databaseIndex": str(redis.database),
    }
    if redis.username:
        metadata["username"] = redis.username
    if redis.tls:
        metadata["enableTLS"] = "true"
    trigger: Manifest = {"type": "redis", "name": name, "metadata": metadata}
    if redis.password_secret_ref or redis.ca_secret_ref:
        trigger["authenticationRef"] = {"name": _authentication(workload)}
    return trigger


def _behavior(workload: Workload) -> Manifest:
    """Return the HPA's behavior, complete, so that KEDA's comparison with the live one is quiet."""
    shrink = "Disabled" if workload.scaling.scale_down_policy == "WhenIdle" else "Max"
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 60,
            "selectPolicy": shrink,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    }


def _authentication(workload: Workload) -> str:
    return f"{workload.name}-redis"


def selector(workload: Workload) -> dict[str, str]:
    """Return the labels by which a workload's pods are found."""
    return {"app.kubernetes.io/name": "greenscale-worker", "app.kubernetes.io/instance": workload.name}


def _object(workload: Workload, api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    metadata: Manifest = {
        "name": name,
        "namespace": workload.namespace,
        "labels": {**selector(workload), **MANAGED_BY},
    }
    if workload.uid:
        metadata["ownerReferences"] = [
            {
                "apiVersion": "greenscale.dev/v1alpha1",
                "kind": "GreenScaleWorkload",
                "name": workload.name,
                "uid": workload.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
