"""What must exist in the cluster for one workload, as plain dicts.

Pure: no I/O, no clock, no Kopf. `cluster` applies it, `conditions` says what came of it.
"""

from greenscale_operator.objects import MANAGED_BY, Install, Manifest, owned, redis_host, selector
from greenscale_operator.overlay import overlay
from greenscale_operator.pod import pod_template
from greenscale_operator.scaled_object import scaled_object, trigger_authentication
from greenscale_operator.workload import Workload

FINISHING_SECONDS = 10
"""Beyond a job's time limit: for storing its result."""

LEAVING_SECONDS = 20
"""Beyond the worker's own grace: for handing back, before the kubelet kills."""


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
    return owned(workload, "apps/v1", "Deployment", workload.name, spec)
