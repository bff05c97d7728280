"""Which fields of our objects somebody else has added, and how they become ours, so that the next apply removes them.

Pure. A field that another manager sets and our manifest does not name is nobody's conflict: an apply leaves it there
for ever. To own a field means that it is removed by an apply that leaves it out, so what is to go is first entered in
our own entry of `metadata.managedFields`, as client-go's csaupgrade does for what kubectl once wrote.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from greenscale_operator.drift import CREATE_MANAGER, FIELD_MANAGER, Manifest, is_applied

Path = tuple[str, ...]
"""A field as the books name it: `("f:spec", "f:template", ...)`; a last part "." is an object or an entry itself."""

REPLICAS: Path = ("f:spec", "f:replicas")

POD_METADATA: Path = ("f:spec", "f:template", "f:metadata")

POD_LISTS = {("f:spec", "f:template", "f:spec", name) for name in ("f:containers", "f:initContainers", "f:volumes")}
"""Others may add entries of their own to these: a sidecar and what it needs."""


class ForeignField(NamedTuple):
    """A field, or an object or entry with all that is in it, which somebody else has added."""

    name: str
    """As one would write it: `spec.template.spec.nodeSelector`."""
    manager: str
    paths: frozenset[Path]

    @property
    def is_ours(self) -> bool:
        """Whether it came with a write of our own: an admission webhook added it."""
        return self.manager == FIELD_MANAGER

    def __str__(self) -> str:
        """Return the name and who manages it."""
        return f"{self.name} ({'an admission webhook' if self.is_ours else self.manager})"


def foreign_fields(live: Manifest, *, is_deployment: bool) -> list[ForeignField]:
    """Return what in `spec` is neither ours nor of those that others may have."""
    entries = live["metadata"].get("managedFields", [])
    others = [
        entry
        for entry in entries
        if not (is_applied(entry) or entry.get("subresource") or entry.get("manager") == CREATE_MANAGER)
    ]
    if not others:
        return []
    ours = {path for entry in entries if is_applied(entry) for path in _paths(entry["fieldsV1"])}
    known = {path[:length] for path in ours for length in range(1, len(path) + 1)}
    found: dict[tuple[str, str], set[Path]] = {}
    for entry in others:
        for path in _paths({"f:spec": entry.get("fieldsV1", {}).get("f:spec", {})}):
            if _is_known(path, known) or (is_deployment and _may_be_theirs(path, known)):
                continue
            added = next(path[:length] for length in range(1, len(path) + 1) if path[:length] not in known)
            found.setdefault((_name(added), entry["manager"]), set()).add(path)
    return [ForeignField(name, manager, frozenset(paths)) for (name, manager), paths in sorted(found.items())]


def annexed(live: Manifest, api_version: str, fields: Iterable[ForeignField] = ()) -> list[dict[str, Any]]:
    """Return the `managedFields` in which these fields are ours, and all that we made but `replicas`.

    The version is our manifest's: an object from a list does not say which it has.
    """
    taken = {path for field in fields for path in field.paths}
    others, ours = [], set(taken)
    for entry in live["metadata"].get("managedFields", []):
        paths = set(_paths(entry.get("fieldsV1", {})))
        if is_applied(entry):
            ours |= paths
            continue
        left = paths
        if not entry.get("subresource"):
            left = paths & {REPLICAS} if entry.get("manager") == CREATE_MANAGER else paths - taken
        if entry.get("manager") == CREATE_MANAGER:
            ours |= paths - left
        if left:
            others.append({**entry, "fieldsV1": _book(left)})
    own = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": _book(ours),
    }
    return [own, *others]


def is_annexed(live: Manifest, entries: Iterable[dict[str, Any]]) -> bool:
    """Return whether the books of an object are these already."""
    before = {_identity(entry): entry.get("fieldsV1") for entry in live["metadata"].get("managedFields", [])}
    return before == {_identity(entry): entry["fieldsV1"] for entry in entries}


def _identity(entry: dict[str, Any]) -> tuple[Any, ...]:
    return entry.get("manager"), entry.get("operation"), entry.get("subresource")


def _is_known(path: Path, known: set[Path]) -> bool:
    """Return whether it is ours, or an object in which something is."""
    return path in known or (path[-1] == "." and path[:-1] in known)


def _may_be_theirs(path: Path, known: set[Path]) -> bool:
    """Return whether others may have such a field in a Deployment."""
    if path == REPLICAS or path[:3] == POD_METADATA:
        return True
    return path[:4] in POD_LISTS and (path[4] == "." or path[:5] not in known)


def _paths(book: dict[str, Any], prefix: Path = ()) -> Iterator[Path]:
    for key, part in book.items():
        if part:
            yield from _paths(part, (*prefix, key))
        else:
            yield (*prefix, key)


def _book(paths: Iterable[Path]) -> dict[str, Any]:
    book: dict[str, Any] = {}
    for path in sorted(paths):
        node = book
        for part in path:
            node = node.setdefault(part, {})
    return book


def _name(path: Path) -> str:
    words = []
    for part in path:
        kind, _, text = part.partition(":")
        if kind == "f":
            words.append(f".{text}")
        elif kind in {"k", "v"}:
            key = json.loads(text)
            words.append(f"[{','.join(map(str, key.values())) if isinstance(key, dict) else key}]")
    return "".join(words).removeprefix(".")
