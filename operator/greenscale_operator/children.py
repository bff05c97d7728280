"""Makes a workload's children what they should be, and leaves alone what is not ours."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from greenscale_operator.cluster import DEPLOYMENT, SCALED_OBJECT, Cluster, Kind
from greenscale_operator.errors import Gone, Lingering, NameConflict
from greenscale_operator.intent import ANNOTATION, is_kept, mark
from greenscale_operator.objects import MANAGED_BY
from greenscale_operator.observed import seconds
from greenscale_operator.seen import Key, Seen
from greenscale_operator.workload import Workload

Manifest = dict[str, Any]

ENDING_SECONDS = 60.0
"""KEDA ends a ScaledObject within seconds, garbage collection a Deployment; after this long it is worth a word."""

logger = logging.getLogger(__name__)


class Children:
    """Applies manifests; `on_drift` is told when somebody else had changed an object of ours."""

    def __init__(
        self,
        cluster: Cluster,
        seen: Seen,
        *,
        on_drift: Callable[[Key, str], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._seen = seen
        self._on_drift = on_drift
        self._clock = clock

    async def ensure(self, kind: Kind, workload: Workload, manifest: Manifest) -> Manifest:
        """Return the live object, made or mended where need be; nothing is sent for one that is as it should be.

        Raises:
            NameConflict: An object of that name is somebody else's.
            Lingering: The object is being deleted and does not go.
            ClusterError: The API server refuses, or cannot be asked.
        """
        key, marked = Key(workload.namespace, workload.name), mark(manifest)
        live = self._seen.children.get((kind.kind, key))
        if live is not None:
            self._check_ours(kind, live, workload)
            if is_kept(marked, live):
                return live
        else:
            live = await self._find_or_make(kind, workload, marked)
        return await self._apply(kind, key, marked, live)

    async def remove(self, kind: Kind, workload: Workload) -> None:
        """Delete a child that the workload needs no more, if a watch has shown it."""
        key = Key(workload.namespace, workload.name)
        live = self._seen.children.get((kind.kind, key))
        if live and not live["metadata"].get("deletionTimestamp"):
            await self._cluster.delete(kind, workload.namespace, live["metadata"]["name"])

    async def _find_or_make(self, kind: Kind, workload: Workload, marked: Manifest) -> Manifest | None:
        """Return what is there though no watch showed it, or a new Deployment of zero replicas."""
        made = await self._cluster.create_at_zero(marked) if kind is DEPLOYMENT else None
        if made is not None:
            return made
        live = await self._cluster.get(kind, workload.namespace, marked["metadata"]["name"])
        if live is not None:
            self._check_ours(kind, live, workload)
        return live

    async def _apply(self, kind: Kind, key: Key, marked: Manifest, live: Manifest | None) -> Manifest:
        try:
            applied = await self._cluster.apply(kind, marked, uid=live["metadata"]["uid"] if live else None)
        except Gone:
            self._seen.children.pop((kind.kind, key), None)
            raise
        self._seen.put_child(kind.kind, key, applied)
        if live and _intent(live) == _intent(marked):
            name = f"{kind.kind} {marked['metadata']['name']}"
            logger.warning("%s: %s was changed by somebody else, and is mended", key, name)
            await self._on_drift(key, f"{name} was changed by somebody else and is as the workload wants it again.")
        return applied

    def _check_ours(self, kind: Kind, live: Manifest, workload: Workload) -> None:
        """Raise unless the object is this workload's, or was left behind by one of its name, and stays."""
        metadata = live["metadata"]
        ending = ending_seconds(live, now=self._clock())
        if ending is not None:
            if ending >= ENDING_SECONDS:
                raise Lingering(lingering(kind, live))
            raise Gone(f"{kind.kind} {metadata['name']} is being deleted; it is made anew then.")
        owners = metadata.get("ownerReferences", [])
        if any(owner["uid"] == workload.uid for owner in owners):
            return
        if any(owner["kind"] == "GreenScaleWorkload" and owner["name"] == workload.name for owner in owners):
            raise Gone(f"{kind.kind} {metadata['name']} is of a deleted workload of this name and goes with it.")
        if not owners and metadata.get("labels", {}).items() >= MANAGED_BY.items() and _intent(live):
            return
        raise NameConflict(
            f"A {kind.kind} named {metadata['name']} exists in {metadata['namespace']} and is not this workload's: "
            "it is left alone. Delete it, or give the workload another name."
        )


def ending_seconds(live: Manifest, *, now: float) -> float | None:
    """Return for how long an object is being deleted already; None if it is not."""
    since = seconds(live["metadata"].get("deletionTimestamp"))
    return None if since is None else max(0.0, now - since)


def lingering(kind: Kind, live: Manifest) -> str:
    """Say what to do about an object that is being deleted and does not go."""
    name, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
    if kind is SCALED_OBJECT:
        return keda_gone(namespace, name)
    held = ", ".join(live["metadata"].get("finalizers", [])) or "nothing that it names"
    return f"The {kind.kind} {name} is being deleted and is held by {held}: it is made anew when it is gone."


def keda_gone(namespace: str, name: str) -> str:
    """Say what to do about a ScaledObject that KEDA's finalizer holds; it is not ours to remove."""
    return (
        f"The ScaledObject {name} is being deleted and KEDA does not finish it: is KEDA's operator running? Start it, "
        f"or, if KEDA is gone for good: kubectl patch scaledobject {name} -n {namespace} --type=merge "
        """-p '{"metadata":{"finalizers":null}}'"""
    )


def _intent(live: Manifest) -> str | None:
    told: str | None = live["metadata"].get("annotations", {}).get(ANNOTATION)
    return told
