"""The ScaledObject that wakes a workload's Deployment and puts it to sleep, and how KEDA reaches the queue.

Pure.
"""

import msgspec

from greenscale_operator.objects import Install, Manifest, owned, redis_host
from greenscale_operator.workload import Workload


class Switches(msgspec.Struct, frozen=True):
    """What KEDA is told beside the scaling, by annotations of the ScaledObject."""

    paused: bool = False
    """Stay at zero whatever waits: for a suspended workload in which nothing runs any more."""
    nudged: bool = False
    """Means nothing; a change of it makes KEDA look at once, where it would wait up to 16 minutes."""


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
    manifest = owned(workload, "keda.sh/v1alpha1", "ScaledObject", name, spec)
    # KEDA sets this label itself; found there, it saves an update.
    manifest["metadata"]["labels"]["scaledobject.keda.sh/name"] = name
    annotations = _annotations(switches or Switches())
    if annotations:
        manifest["metadata"]["annotations"] = {**workload.annotations, **annotations}
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
    return owned(workload, "keda.sh/v1alpha1", "TriggerAuthentication", _authentication(workload), spec)


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
