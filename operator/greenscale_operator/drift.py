"""Whether a live object is still what was applied: decided from the object alone, so a restart need apply nothing.

Pure. Server-side apply records in `metadata.managedFields` which fields are ours. Whoever changes or removes one takes
it out of our record, so drift is a field of our intent that is not in it; defaults and quantities, which make
comparing specs a guess, do not matter. `replicas` is never ours, so scaling is no drift.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import functools
import hashlib
import json
from typing import Any

import msgspec

Manifest = dict[str, Any]

FIELD_MANAGER = "greenscale"

CREATE_MANAGER = "greenscale-create"
"""Owns `replicas: 0` of a new Deployment, so that `greenscale` never does."""

ANNOTATION = "greenscale.dev/intent"
"""On each object of ours: the digest of the manifest that was applied."""


def mark(manifest: Manifest) -> Manifest:
    """Return the manifest with the digest of itself in its annotations."""
    digest = hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()[:16]
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), ANNOTATION: digest}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def is_kept(marked: Manifest, live: Manifest) -> bool:
    """Return whether `live` is what applying `marked` would make of it."""
    annotations = live["metadata"].get("annotations", {})
    if annotations.get(ANNOTATION) != marked["metadata"]["annotations"][ANNOTATION]:
        return False
    entries = [entry["fieldsV1"] for entry in live["metadata"].get("managedFields", []) if is_applied(entry)]
    metadata = {key: value for key, value in marked["metadata"].items() if key not in {"name", "namespace"}}
    wanted = {"metadata": metadata, "spec": marked["spec"]}
    return any(_owns(entry, wanted) for entry in entries)


def is_applied(entry: dict[str, Any]) -> bool:
    """Return whether this entry of `managedFields` has what our applies set."""
    return entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and "fieldsV1" in entry


def _owns(book: dict[str, Any], wanted: Any) -> bool:
    """Return whether all of `wanted` is in this part of the book; an empty part is a leaf, owned whole."""
    if not book or (not isinstance(wanted, dict | list)):
        return True
    if isinstance(wanted, dict):
        return all(f"f:{key}" in book and _owns(book[f"f:{key}"], value) for key, value in wanted.items())
    parts = {key: part for key, part in book.items() if key.startswith(("k:", "v:"))}
    return all(any(_is_key_of(key, entry) and _owns(part, entry) for key, part in parts.items()) for entry in wanted)


def _is_key_of(key: str, entry: Any) -> bool:
    """Return whether `k:{"name":"worker"}` or `v:"x"` is how the book calls this entry of a list."""
    kind, named = _entry_key(key)
    if kind == "v":
        return bool(named == entry)
    # A part of the key may come from the schema's default, as a port's protocol does.
    return isinstance(entry, dict) and all(entry.get(name, value) == value for name, value in named.items())


@functools.lru_cache(maxsize=1024)
def _entry_key(key: str) -> tuple[str, Any]:
    """Return the kind of an entry's key and what it holds: all workloads have the same few."""
    kind, _, text = key.partition(":")
    return kind, json.loads(text)
