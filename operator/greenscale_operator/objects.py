"""What all objects of a workload have in common: their names and labels, whose they are, and where Redis is.

Pure.
"""

import ipaddress
from typing import Any

import msgspec

from greenscale_operator.workload import Workload

Manifest = dict[str, Any]
"""A Kubernetes object as YAML has it."""

MANAGED_BY = {"app.kubernetes.io/managed-by": "greenscale"}
"""What the operator's watches select by."""


class Install(msgspec.Struct, frozen=True):
    """What an installation of GreenScale gives every workload."""

    namespace: str = "greenscale-system"
    redis_host: str = "redis-service"
    worker_image: str = "greenscale-worker:0.1.0"


def redis_host(workload: Workload, install: Install) -> str:
    """Return Redis' host so that every namespace resolves it.

    The scaler looks names up in its own namespace, the worker in the workload's: a bare Service name is qualified.
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


def selector(workload: Workload) -> dict[str, str]:
    """Return the labels by which a workload's pods are found."""
    return {"app.kubernetes.io/name": "greenscale-worker", "app.kubernetes.io/instance": workload.name}


def owned(workload: Workload, api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    """Return an object that is this workload's: with its labels, and gone when it is."""
    metadata: Manifest = {
        "name": name,
        "namespace": workload.namespace,
        "labels": {**workload.labels, **selector(workload), **MANAGED_BY},
    }
    if workload.annotations:
        metadata["annotations"] = dict(workload.annotations)
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
