"""The ScaledObject that wakes a workload's Deployment and puts it to sleep, and how KEDA reaches the queue.

Pure.
"""

from greenscale_jobs.keys import Keys
from greenscale_operator.objects import Install, Manifest, owned, redis_host
from greenscale_operator.scalers import Switches
from greenscale_operator.workload import Scaling, Workload

MIN_WINDOW_SECONDS = 20
"""The HPA polls every 15 s: it shrinks when two polls found no work, for one may fall between two jobs."""

MAX_WINDOW_SECONDS = 3600
"""The most that an HPA takes; the CRD bounds `cooldownPeriod` where it matters."""

MAX_GRADUAL_SECONDS = 60
"""`Gradual`: the HPA takes workers away when it has wanted fewer for so long, or for a cooldown that is shorter."""

PAUSED = "autoscaling.keda.sh/paused"

PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"

NUDGE = "autoscaling.keda.sh/force-activation"
"""KEDA checks again at once when it comes or goes, and by itself only after up to 16 minutes. Its value is ignored."""


def scaled_object(workload: Workload, install: Install, switches: Switches | None = None) -> Manifest:
    """Return the ScaledObject that wakes the Deployment and puts it to sleep.

    `minReplicaCount` stays unset at 0; `idleReplicaCount` and `fallback` always: a fallback of 0 would kill running
    jobs when Redis goes away (KEDA 2.20.2, pkg/scaling/executor).
    """
    scaling, keys = workload.scaling, Keys(workload.list_name)
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
            _redis_trigger("inflight", keys.inflight, workload, install),
            *([_redis_trigger("workers", keys.workers, workload, install)] if counts_workers(scaling) else []),
            *_schedule_triggers(workload),
        ],
    }
    if scaling.min_replicas:
        spec["minReplicaCount"] = scaling.min_replicas
    name = object_name(workload.name)
    manifest = owned(workload, "keda.sh/v1alpha1", "ScaledObject", name, spec)
    # KEDA sets this label itself; found there, it saves an update.
    manifest["metadata"]["labels"]["scaledobject.keda.sh/name"] = name
    annotations = _annotations(switches or Switches())
    if annotations:
        manifest["metadata"].setdefault("annotations", {}).update(annotations)
    return manifest


def object_name(workload_name: str) -> str:
    """Return the name of a workload's ScaledObject."""
    return f"{workload_name}-scaler"


def _annotations(switches: Switches) -> dict[str, str]:
    return {
        **({PAUSED_REPLICAS: "0"} if switches.paused else {}),
        **({NUDGE: "false"} if switches.nudged else {}),
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


def counts_workers(scaling: Scaling) -> bool:
    """Return whether live workers count: where the HPA could take away one that works."""
    return scaling.scale_down_policy == "WhenIdle" and scaling.max_replicas > 1


def _formula(workload: Workload) -> str:
    """Return the work that exists; in a schedule's time at least as much as keeps its replicas.

    While there is work, live workers count as if each had enough to do: the HPA then wants at least as many as there
    are, and takes none away. KEDA's cron trigger is 0 (before KEDA 2.21: 1) outside of its time, so each schedule asks
    for one more than it means.
    """
    each, work = workload.jobs_per_replica, "pending + inflight"
    if counts_workers(workload.scaling):
        work = f"{work} > 0 ? max({work}, workers * {each}) : 0"
    kept = [f"(schedule{number} - 1) * {each}" for number, _ in enumerate(workload.scaling.schedules)]
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
    """Return the HPA's behavior, complete, so that KEDA's comparison with the live one is quiet.

    `WhenIdle`: it wants at least the live workers while there is work (see `_formula`), so it shrinks once that has
    not been so for its window, which is the cooldown. Of at most one worker it has none to take away.
    """
    scaling = workload.scaling
    gradual = scaling.scale_down_policy == "Gradual"
    most = MAX_WINDOW_SECONDS if counts_workers(scaling) else MAX_GRADUAL_SECONDS
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
            "stabilizationWindowSeconds": min(most, max(MIN_WINDOW_SECONDS, scaling.cooldown_period)),
            "selectPolicy": "Max" if gradual or counts_workers(scaling) else "Disabled",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    }


def _authentication(workload: Workload) -> str:
    return f"{workload.name}-redis"
