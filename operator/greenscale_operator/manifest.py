"""What must exist in the cluster for one workload, as plain dicts.

Pure: no I/O, no clock, no Kopf. `cluster` applies it, `conditions` says what came of it.
"""

import math

from greenscale_operator.objects import MANAGED_BY, Install, Manifest, owned, redis_host, selector
from greenscale_operator.overlay import InvalidPodTemplate, objects_in, overlay
from greenscale_operator.pod_template import pod_template
from greenscale_operator.scalers import ScalerDriver, Switches
from greenscale_operator.workload import Workload

FINISHING_SECONDS = 10
"""Beyond a job's time limit: for storing its result."""

LEAVING_SECONDS = 20
"""Beyond the worker's own grace: for releasing jobs, before the kubelet kills."""

DEFAULT_TERMINATION_SECONDS = 30
"""Kubernetes' own, where a podTemplate removes ours."""

MAX_GRACE_SECONDS = 172_800
"""The worker's setting accepts no more."""

CONFIG_ANNOTATION = "greenscale.dev/config"
"""On the pod template: the digest of the ConfigMaps that it refers to, so that a changed one rolls out."""


def manifests(workload: Workload, scaler: ScalerDriver, install: Install | None = None) -> list[Manifest]:
    """Return all objects of a workload, in the order in which they must be applied."""
    install = install or Install()
    *needed, scaling = (manifest for _, manifest in scaler.manifests(workload, install, Switches()))
    return [*needed, deployment(workload, install), scaling]


def deployment(workload: Workload, install: Install) -> Manifest:
    """Return the worker Deployment, without `replicas`: the scaler is their only writer.

    Raises:
        InvalidPodTemplate: `worker.podTemplate` cannot be laid over ours.
    """
    spec = {
        "selector": {"matchLabels": selector(workload)},
        # No surge: a rollout must not wait for a GPU that nobody has to spare.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": _template(workload, install),
    }
    return owned(workload, "apps/v1", "Deployment", workload.name, spec)


def with_config(deployment: Manifest, digest: str) -> Manifest:
    """Return the Deployment with the digest of its ConfigMaps on the pod template."""
    spec = deployment["spec"]
    template = spec["template"]
    annotations = template["metadata"].get("annotations", {})
    if not isinstance(annotations, dict):
        return deployment  # Kubernetes will refuse it
    marked = {**template["metadata"], "annotations": {**annotations, CONFIG_ANNOTATION: digest}}
    return {**deployment, "spec": {**spec, "template": {**template, "metadata": marked}}}


def config_maps(deployment: Manifest) -> list[str]:
    """Return the names of the ConfigMaps that the pod template refers to, whatever else a podTemplate holds."""
    pod = deployment["spec"]["template"]["spec"]
    containers = [*objects_in(pod.get("containers")), *objects_in(pod.get("initContainers"))]
    env = [entry for container in containers for entry in objects_in(container.get("env"))]
    sources = [entry for container in containers for entry in objects_in(container.get("envFrom"))]
    volumes = objects_in(pod.get("volumes"))
    projected = [source for volume in volumes for source in objects_in(_part(volume, "projected").get("sources"))]
    references = [
        *(_part(_part(entry, "valueFrom"), "configMapKeyRef") for entry in env),
        *(_part(source, "configMapRef") for source in sources),
        *(_part(source, "configMap") for source in [*volumes, *projected]),
    ]
    return sorted({reference["name"] for reference in references if isinstance(reference.get("name"), str)})


def _part(value: Manifest, name: str) -> Manifest:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def grace_seconds(termination: int) -> int:
    """Return how long a worker may go on with its jobs of the time that its pod has to end.

    The rest is for releasing what is not finished: 20 s, or two thirds where there is not that much time.
    """
    return max(0, min(MAX_GRACE_SECONDS, termination - min(LEAVING_SECONDS, math.ceil(termination * 2 / 3))))


def _template(workload: Workload, install: Install) -> Manifest:
    ours = workload.queue.job_timeout_seconds + FINISHING_SECONDS + LEAVING_SECONDS
    template = _merged(workload, install, ours, ours)
    # What the pod really gets may be the user's: the worker must know it, or it is killed with jobs in hand.
    merged = template["spec"].get("terminationGracePeriodSeconds", DEFAULT_TERMINATION_SECONDS)
    return _merged(workload, install, ours, merged) if isinstance(merged, int) and merged != ours else template


def _merged(workload: Workload, install: Install, ours: int, termination: int) -> Manifest:
    """Return our template with the user's laid over it, for a pod that has `termination` seconds to end."""
    template = pod_template(
        workload,
        labels={**workload.labels, **selector(workload), **MANAGED_BY},
        image=workload.worker.image or install.worker_image,
        redis_host=redis_host(workload, install),
        grace_seconds=grace_seconds(termination),
        termination_seconds=ours,
    )
    merged = overlay(template, workload.worker.pod_template) or {}
    containers = (merged.get("spec") or {}).get("containers") or []
    if "metadata" not in merged or all(container.get("name") != "worker" for container in containers):
        raise InvalidPodTemplate("spec.worker.podTemplate deletes the container worker, or all that it is in")
    return dict(merged)
