"""The yardstick of the operator: the same objects, written as one writes one's first operator with Kopf.

Every signal applies them all; no queue in Redis, no check whose they are, no watch on them.

    kopf run --standalone --all-namespaces bench/kopf_floor.py
"""

from typing import Any

import kopf
from kubernetes.aio import client, config
from kubernetes.aio.dynamic import DynamicClient

from greenscale_operator import manifest
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.workload import parse

WORKLOADS = ("greenscale.dev", "v1alpha1", "greenscaleworkloads")


@kopf.on.startup()
async def connect(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Reach the API server as the kubeconfig says."""
    settings.posting.enabled = False
    await config.load_kube_config()  # type: ignore[no-untyped-call]
    memo.api = await DynamicClient(client.ApiClient())  # type: ignore[no-untyped-call]


@kopf.on.resume(*WORKLOADS)
@kopf.on.create(*WORKLOADS)
@kopf.on.update(*WORKLOADS)
async def apply(body: kopf.Body, patch: kopf.Patch, memo: Any, **_: Any) -> None:
    """Apply the objects of a workload and say so in its status."""
    for child in manifest.manifests(parse(dict(body)), Keda()):
        kind = await memo.api.resources.get(api_version=child["apiVersion"], kind=child["kind"])
        await memo.api.server_side_apply(
            kind, child, namespace=child["metadata"]["namespace"], field_manager="floor", force_conflicts=True
        )
    patch.status["observedGeneration"] = body["metadata"]["generation"]
    patch.status["conditions"] = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Applied",
            "message": "All objects are applied.",
            "lastTransitionTime": body["metadata"]["creationTimestamp"],
        }
    ]
