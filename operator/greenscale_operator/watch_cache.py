"""What the watches have shown: the last known body of each workload and of its children.

Fed by `handlers`, read by `reconciler`. A child is filed under its workload, whose name its owner reference bears.
"""

import dataclasses
from typing import Any, NamedTuple

Body = dict[str, Any]

OWNER_KIND = "GreenScaleWorkload"


class Key(NamedTuple):
    """Which workload."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return `namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclasses.dataclass
class WatchCache:
    """Bodies by workload; children by kind and workload."""

    workloads: dict[Key, Body] = dataclasses.field(default_factory=dict)
    children: dict[tuple[str, Key], Body] = dataclasses.field(default_factory=dict)

    def put_workload(self, body: Body) -> bool:
        """Keep a workload unless a newer one is known; returns whether anything but its status is new."""
        key = key_of(body)
        known = self.workloads.get(key)
        if known and _same_object(known, body) and _version(known) > _version(body):
            return False
        self.workloads[key] = body
        return known is None or _revision(known) != _revision(body)

    def put_child(self, kind: str, key: Key, body: Body) -> bool:
        """Keep a child; returns whether anything that matters is new."""
        known = self.children.get((kind, key))
        if known and _same_object(known, body) and _version(known) > _version(body):
            return False
        self.children[kind, key] = body
        return known is None or _relevant(known) != _relevant(body)

    def key_of_child(self, kind: str, body: Body) -> Key | None:
        """Return the workload whose child this very object was when last watched."""
        for (known_kind, key), known in self.children.items():
            if known_kind == kind and _same_object(known, body):
                return key
        return None

    def forget(self, key: Key) -> None:
        """Drop a workload; its children are dropped as they go."""
        self.workloads.pop(key, None)


def key_of(body: Body) -> Key:
    """Return the key of a workload."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def owner_of(child: Body) -> Key | None:
    """Return the workload that owns a child, by its owner reference."""
    metadata = child["metadata"]
    for owner in metadata.get("ownerReferences", []):
        if owner.get("kind") == OWNER_KIND:
            return Key(metadata["namespace"], owner["name"])
    return None


def _same_object(one: Body, other: Body) -> bool:
    return bool(one["metadata"].get("uid") == other["metadata"].get("uid"))


def _version(body: Body) -> int:
    # Opaque by contract, comparable since Kubernetes 1.35 (KEP-5504), and an integer in every version before.
    text = body["metadata"].get("resourceVersion", "0")
    return int(text) if text.isdecimal() else 0


def _revision(body: Body) -> tuple[Any, ...]:
    metadata = body["metadata"]
    return metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")


def _relevant(body: Body) -> tuple[Any, ...]:
    """Return what of a child matters: a scaler may write the time of each poll, which does not."""
    metadata, status = body["metadata"], body.get("status", {})
    conditions = [(one["type"], one.get("status"), one.get("reason")) for one in status.get("conditions", [])]
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        metadata.get("annotations"),
        metadata.get("ownerReferences"),
        status.get("replicas"),
        status.get("readyReplicas"),
        status.get("updatedReplicas"),
        conditions,
    )
