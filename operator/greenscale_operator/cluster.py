"""All requests to the Kubernetes API but the Lease's and Kopf's. Objects are plain dicts, as YAML has them."""

import base64
import contextlib
import datetime as dt
from typing import Any

from kubernetes.aio import client

from greenscale_operator.api import APPLY, JSON_PATCH, MERGE, Api
from greenscale_operator.drift import CREATE_MANAGER, FIELD_MANAGER
from greenscale_operator.errors import ClusterError, Gone, SecretMissing
from greenscale_operator.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, POD, SECRET, WORKLOAD, Kind

Manifest = dict[str, Any]


class Cluster:
    """The part of a cluster that the operator uses. Methods raise ClusterError."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = Api(api)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """Return an object, or None where there is none."""
        try:
            return await self._api.ask(
                "GET", kind, kind.path(namespace, name), what=f"get {kind.kind} {namespace}/{name}"
            )
        except Gone:
            return None

    async def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest | None:
        """Create an object; None if one of that name exists. A Deployment begins with no replicas.

        An apply alone would create it with one replica, the API's default: a pod that nobody asked for.
        """
        if kind is DEPLOYMENT:
            manifest = {**manifest, "spec": {**manifest["spec"], "replicas": 0}}
        try:
            return await self._create(kind, manifest, CREATE_MANAGER, dry_run=dry_run)
        except Gone:
            return None

    async def apply(self, kind: Kind, manifest: Manifest, *, uid: str | None = None, dry_run: bool = False) -> Manifest:
        """Apply an object on the server's side; with `uid` only to the very object that bears it, else Gone."""
        metadata = manifest["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        return await self._api.ask(
            "PATCH",
            kind,
            kind.path(namespace, name),
            what=f"apply {kind.kind} {namespace}/{name}",
            query={"fieldManager": FIELD_MANAGER, "force": "true", **_dry(run=dry_run)},
            body={**manifest, "metadata": {**metadata, "uid": uid}} if uid else manifest,
            content_type=APPLY,
        )

    async def write_managed_fields(
        self, kind: Kind, live: Manifest, entries: list[Manifest], *, even_if_changed: bool = False
    ) -> Manifest:
        """Write who owns which field of an object, and nothing else; Gone if it has changed meanwhile.

        With `even_if_changed` what somebody else has entered meanwhile is lost: of a new object nothing that matters.
        """
        metadata = live["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        condition = "uid" if even_if_changed else "resourceVersion"
        return await self._api.ask(
            "PATCH",
            kind,
            kind.path(namespace, name),
            what=f"take over fields of {kind.kind} {namespace}/{name}",
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"managedFields": entries, condition: metadata[condition]}},
            content_type=MERGE,
        )

    async def annotate(self, kind: Kind, namespace: str, name: str, annotations: dict[str, str]) -> None:
        """Set annotations of an object that is there."""
        await self._api.ask(
            "PATCH",
            kind,
            kind.path(namespace, name),
            what=f"annotate {kind.kind} {namespace}/{name}",
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"annotations": annotations}},
            content_type=MERGE,
        )

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object; that there is none is fine."""
        with contextlib.suppress(Gone):
            what = f"delete {kind.kind} {namespace}/{name}"
            await self._api.ask("DELETE", kind, kind.path(namespace, name), what=what)

    async def patch_status(self, namespace: str, name: str, status: Manifest) -> Manifest:
        """Write a workload's status and return the workload; fields that are None are removed."""
        return await self._api.ask(
            "PATCH",
            WORKLOAD,
            WORKLOAD.path(namespace, name) + "/status",
            what=f"write the status of {namespace}/{name}",
            query={"fieldManager": FIELD_MANAGER},
            body={"status": status},
            content_type=MERGE,
        )

    async def patch_workload(self, namespace: str, name: str, patch: list[Manifest]) -> None:
        """Change a workload by a JSON patch."""
        await self._api.ask(
            "PATCH",
            WORKLOAD,
            WORKLOAD.path(namespace, name),
            what=f"change the finalizers of {namespace}/{name}",
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type=JSON_PATCH,
        )

    async def workloads(self) -> list[Manifest]:
        """Return all workloads of the cluster."""
        found = await self._api.ask("GET", WORKLOAD, WORKLOAD.path(), what="list workloads")
        items: list[Manifest] = found["items"]
        return items

    async def secret(self, namespace: str, name: str, key: str) -> str:
        """Return what a Secret holds under a key; raises SecretMissing."""
        secret = await self.get(SECRET, namespace, name)
        if secret is None:
            raise SecretMissing(
                f"The Secret {name} does not exist in the namespace {namespace}: create it with the key {key}."
            )
        data = secret.get("data", {})
        if key not in data:
            there = ", ".join(sorted(data)) or "none"
            raise SecretMissing(f"The Secret {name} has no key {key} (it has: {there}): add it, or name another key.")
        return base64.b64decode(data[key]).decode(errors="replace")

    async def pods(self, namespace: str, selector: dict[str, str]) -> list[Manifest]:
        """Return the pods that bear these labels."""
        labels = ",".join(f"{name}={value}" for name, value in selector.items())
        found = await self._api.ask(
            "GET", POD, POD.path(namespace), what=f"list pods in {namespace}", query={"labelSelector": labels}
        )
        items: list[Manifest] = found["items"]
        return items

    async def post_event(self, regarding: Manifest, *, kind: str, reason: str, message: str, reporter: str) -> None:
        """Post an Event, for `kubectl describe`; if that fails, work goes on."""
        metadata = regarding["metadata"]
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
            "eventTime": dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z"),
            "type": kind,
            "reason": reason,
            "action": "Reconcile",
            "note": message[:1024],
            "reportingController": "greenscale.dev/operator",
            "reportingInstance": reporter[:128],
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
        }
        with contextlib.suppress(ClusterError):
            await self._create(EVENT, event, FIELD_MANAGER)

    async def config_map(self, namespace: str, name: str) -> Manifest | None:
        """Return a ConfigMap, or None where there is none."""
        return await self.get(CONFIG_MAP, namespace, name)

    async def _create(self, kind: Kind, manifest: Manifest, field_manager: str, *, dry_run: bool = False) -> Manifest:
        metadata = manifest["metadata"]
        namespace, name = metadata["namespace"], metadata.get("name", "")
        return await self._api.ask(
            "POST",
            kind,
            kind.path(namespace),
            what=f"create {kind.kind} {namespace}/{name}",
            # Else a field that is misspelt is dropped without a word; an apply refuses it by itself.
            query={"fieldManager": field_manager, "fieldValidation": "Strict", **_dry(run=dry_run)},
            body=manifest,
        )


def _dry(*, run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if run else {}
