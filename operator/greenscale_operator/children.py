"""Creates and repairs a workload's objects, and leaves alone what is not ours.

First `prepare`, which changes nothing: it finds out what an object lacks, and whether the API server would accept the
change. Then `carry_out`.
"""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

from greenscale_operator.cluster import Cluster
from greenscale_operator.drift import ANNOTATION, is_applied, is_kept, mark
from greenscale_operator.errors import Gone, Lingering, NameConflict
from greenscale_operator.events import Events
from greenscale_operator.facts import seconds
from greenscale_operator.foreign_fields import ForeignMemory
from greenscale_operator.kinds import DEPLOYMENT, Kind
from greenscale_operator.logs import fields
from greenscale_operator.objects import MANAGED_BY
from greenscale_operator.ownership import ForeignField, annexed, foreign_fields, is_annexed
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.watch_cache import Key, WatchCache
from greenscale_operator.workload import Workload

Manifest = dict[str, Any]

ENDING_SECONDS = 60.0
"""A scaler ends its object within seconds, garbage collection a Deployment; after this long it is reported."""

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Change:
    """What one child needs."""

    kind: Kind
    key: Key
    manifest: Manifest
    live: Manifest | None
    """None: there is none yet."""
    is_needed: bool = True
    foreign: tuple[ForeignField, ...] = ()
    """What somebody else has added, and is to go."""


class Children:
    """Applies manifests, and posts Events about fields that somebody else had changed."""

    def __init__(
        self,
        cluster: Cluster,
        cache: WatchCache,
        scaler: ScalerDriver,
        events: Events,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._scaler = scaler
        self._events = events
        self._clock = clock
        self._foreign = ForeignMemory(clock)

    async def prepare(self, kind: Kind, workload: Workload, manifest: Manifest) -> Change:
        """Return what to do; the API server has accepted it in a dry run. Nothing is asked about an unchanged object.

        Raises:
            NameConflict: An object of that name is somebody else's.
            Lingering: The object is being deleted and does not go.
            ClusterError: The API server refuses, or cannot be asked.
        """
        key, marked = Key(workload.namespace, workload.name), mark(manifest)
        live = self._cache.children.get((kind.kind, key))
        if live is None:
            if await self._cluster.create(kind, marked, dry_run=True) is not None:
                return Change(kind, key, marked, None)
            live = await self._cluster.get(kind, workload.namespace, marked["metadata"]["name"])
            if live is None:
                raise Gone(f"The {kind.kind} {marked['metadata']['name']} was deleted just now: it is recreated.")
        self._check_ours(kind, live, workload)
        foreign = await self._sort_out(kind, key, live)
        change = Change(kind, key, marked, live, bool(foreign) or not is_kept(marked, live), foreign)
        if change.is_needed:
            await self._try_out(change)
        return change

    async def carry_out(self, change: Change) -> Manifest:
        """Return the live object, created or repaired where necessary. Raises ClusterError."""
        if not change.is_needed and change.live:
            return change.live
        try:
            applied = await (self._make(change) if change.live is None else self._mend(change, change.live))
        except Gone:
            self._cache.children.pop((change.kind.kind, change.key), None)
            raise
        self._cache.put_child(change.kind.kind, change.key, applied)
        return applied

    async def remove(self, kind: Kind, workload: Workload) -> None:
        """Delete a child that the workload no longer needs, if there is one."""
        key = Key(workload.namespace, workload.name)
        live = self._cache.children.get((kind.kind, key))
        if live and not live["metadata"].get("deletionTimestamp"):
            await self._cluster.delete(kind, workload.namespace, live["metadata"]["name"])

    async def _try_out(self, change: Change) -> None:
        uid = change.live["metadata"]["uid"] if change.live else None
        try:
            await self._cluster.apply(change.kind, change.manifest, uid=uid, dry_run=True)
        except Gone:
            self._cache.children.pop((change.kind.kind, change.key), None)
            raise

    async def _make(self, change: Change) -> Manifest:
        """Create the object. A Deployment is created whole at no replicas, and all but those is made ours then."""
        if change.kind is not DEPLOYMENT:
            return await self._cluster.apply(change.kind, change.manifest)
        made = await self._cluster.create(DEPLOYMENT, change.manifest)
        if made is None:
            name = change.manifest["metadata"]["name"]
            raise Gone(f"A Deployment {name} was created by somebody else just now: it is read again.")
        # Kubernetes' own controller writes its status at once, which is no reason to begin again.
        entries = annexed(made, made["apiVersion"])
        made = await self._cluster.write_managed_fields(DEPLOYMENT, made, entries, even_if_changed=True)
        # What a creation drops, a variable without a value, say, only an apply makes ours.
        if not is_kept(change.manifest, made):
            made = await self._cluster.apply(DEPLOYMENT, change.manifest, uid=made["metadata"]["uid"])
        return made

    async def _mend(self, change: Change, live: Manifest) -> Manifest:
        kind, name = change.kind, f"{change.kind.kind} {change.manifest['metadata']['name']}"
        was_applied = any(is_applied(entry) for entry in live["metadata"].get("managedFields", []))
        is_drift = was_applied and _manifest_digest(live) == _manifest_digest(change.manifest)
        entries = annexed(live, change.manifest["apiVersion"], change.foreign)
        if not is_annexed(live, entries):
            live = await self._cluster.write_managed_fields(kind, live, entries)
        applied = await self._cluster.apply(kind, change.manifest, uid=live["metadata"]["uid"])
        if change.foreign:
            self._foreign.note_removal(live["metadata"]["uid"], change.foreign)
            added = ", ".join(map(str, change.foreign))
            await self._post(
                change.key, "DriftCorrected", f"{name}: fields that others had added were removed: {added}."
            )
        elif is_drift:
            await self._post(change.key, "DriftCorrected", f"{name} was changed by somebody else and was restored.")
        return applied

    async def _sort_out(self, kind: Kind, key: Key, live: Manifest) -> tuple[ForeignField, ...]:
        """Return the foreign fields that are to go, and report once those that stay."""
        found = foreign_fields(live, is_deployment=kind is DEPLOYMENT)
        verdict = self._foreign.judge(live["metadata"]["uid"], found)
        if verdict.news:
            kept = ", ".join(map(str, verdict.news))
            name = f"{kind.kind} {live['metadata']['name']}"
            await self._post(
                key, "ForeignFieldsKept", f"{name}: fields that come back after each removal are left: {kept}."
            )
        return verdict.to_remove

    async def _post(self, key: Key, reason: str, message: str) -> None:
        logger.warning("drift", extra=fields(workload=key, reason=reason, message=message))
        body = self._cache.workloads.get(key)
        if body:
            await self._events.post(body, kind="Normal", reason=reason, message=message)

    def _check_ours(self, kind: Kind, live: Manifest, workload: Workload) -> None:
        """Raise unless the object is this workload's, or was left behind by one of its name, and stays."""
        metadata = live["metadata"]
        ending = ending_seconds(live, now=self._clock())
        if ending is not None:
            if ending >= ENDING_SECONDS:
                raise Lingering(self._lingering(kind, live))
            raise Gone(f"{kind.kind} {metadata['name']} is being deleted and is recreated when it is gone.")
        owners = metadata.get("ownerReferences", [])
        if any(owner["uid"] == workload.uid for owner in owners):
            return
        if any(owner["kind"] == "GreenScaleWorkload" and owner["name"] == workload.name for owner in owners):
            raise Gone(
                f"{kind.kind} {metadata['name']} belongs to a deleted workload of the same name and will be "
                "garbage-collected."
            )
        if not owners and metadata.get("labels", {}).items() >= MANAGED_BY.items() and _manifest_digest(live):
            return
        raise NameConflict(
            f"A {kind.kind} named {metadata['name']} exists in {metadata['namespace']} and does not belong to "
            "this workload, so it is left alone. Delete it, or give the workload another name."
        )

    def _lingering(self, kind: Kind, live: Manifest) -> str:
        """Say what to do about an object that is being deleted and does not go."""
        name, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
        if kind is self._scaler.scaling_kind:
            return self._scaler.lingering(namespace, name)
        finalizers = ", ".join(live["metadata"].get("finalizers", [])) or "nothing that it names"
        return f"The {kind.kind} {name} is being deleted and is held by {finalizers}: it is recreated when it is gone."


def ending_seconds(live: Manifest, *, now: float) -> float | None:
    """Return for how long an object is being deleted already; None if it is not."""
    since = seconds(live["metadata"].get("deletionTimestamp"))
    return None if since is None else max(0.0, now - since)


def _manifest_digest(live: Manifest) -> str | None:
    digest: str | None = live["metadata"].get("annotations", {}).get(ANNOTATION)
    return digest
