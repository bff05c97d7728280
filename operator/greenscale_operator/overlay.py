"""Lays a user's `podTemplate` over ours, as Kubernetes' strategic merge does.

Pure. The keys are those of k8s.io/api/core/v1 (`patchMergeKey`, and `listMapKey` where an apply needs more to tell two
entries apart); the directives are those of apimachinery/pkg/util/strategicpatch. Two things differ, since the user's
word is the last one: a variable is replaced and not merged, and so is a volume that gets another source.
"""

from typing import Any

from greenscale_operator.workload import InvalidWorkload

MERGE_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("containers", "initContainers", "volumes", "env", "imagePullSecrets"), ("name",)),
    **dict.fromkeys(("resourceClaims", "schedulingGates"), ("name",)),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "hostAliases": ("ip",),
}
"""List name -> the fields that identify an entry of that list. Every other list is replaced."""

KEY_DEFAULTS = {"protocol": "TCP"}

DIRECTIVE = "$patch"

KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


class InvalidPodTemplate(InvalidWorkload):
    """`worker.podTemplate` cannot be laid over ours; the text names the field."""


def overlay(base: Any, patch: Any, path: str = "spec.worker.podTemplate") -> Any:
    """Return `base` with `patch` laid over it; None where the patch deletes it.

    Raises:
        InvalidPodTemplate: The patch has another shape than what it is laid over, or an unknown directive.
    """
    if isinstance(patch, dict):
        return _over_object(base, patch, path)
    if isinstance(patch, list):
        return _over_list(base, patch, path)
    if isinstance(base, dict | list):
        raise _wrong_kind(path, patch, base)
    return patch


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects in what should be a list of them, whatever else a user's part of a pod holds."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list | tuple) else []


def by_name(base: list[Any], added: list[Any]) -> list[Any]:
    """Return a list of named entries in which each name stands once: the last one wins, at its own place.

    Where two name the same, the order matters: a variable may refer to those before it.
    """
    last = {entry["name"]: entry for entry in [*base, *added]}
    return [entry for entry in [*base, *added] if last[entry["name"]] is entry]


def _over_object(base: Any, patch: dict[str, Any], path: str) -> Any:
    directive = patch.get(DIRECTIVE, "merge")
    unknown = next((key for key in patch if str(key).startswith("$") and key != DIRECTIVE), None)
    if unknown is not None:
        raise InvalidPodTemplate(f"{path}.{unknown} is not supported: of the directives only $patch is")
    if directive not in ("merge", "replace", "delete"):
        raise InvalidPodTemplate(f"{path}.$patch is {directive!r}: use merge, replace or delete")
    if directive == "delete":
        return None
    if base is not None and not isinstance(base, dict):
        raise _wrong_kind(path, patch, base)
    merged = dict(base or {}) if directive == "merge" else {}
    for key, value in patch.items():
        if key == DIRECTIVE:
            continue
        part = None if value is None else overlay(merged.get(key), value, f"{path}.{key}")
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = part
    return merged


def _over_list(base: Any, patch: list[Any], path: str) -> list[Any]:
    if base is not None and not isinstance(base, list):
        raise _wrong_kind(path, patch, base)
    for number, entry in enumerate(patch):
        if entry is None:
            raise InvalidPodTemplate(f"{path}[{number}] is null where a value belongs")
    if {DIRECTIVE: "replace"} in patch:
        base, patch = None, [entry for entry in patch if entry != {DIRECTIVE: "replace"}]
    keys = MERGE_KEYS.get(path.rpartition(".")[2])
    if keys is None:
        parts = [overlay(None, entry, f"{path}[{number}]") for number, entry in enumerate(patch)]
        return [part for part in parts if part is not None]
    return _over_keyed_list(base or [], patch, path, keys)


def _over_keyed_list(base: list[Any], patch: list[Any], path: str, keys: tuple[str, ...]) -> list[Any]:
    """Return the entries of both, those with the same key merged; new ones come last, in the patch's order."""
    field, merged = path.rpartition(".")[2], list(base)
    for number, entry in enumerate(patch):
        if not isinstance(entry, dict):
            raise _wrong_kind(f"{path}[{number}]", entry, {})
        key = _key(entry, keys)
        if key[0] is None:
            raise InvalidPodTemplate(f"{path}[{number}].{keys[0]} is missing")
        at = next((index for index, old in enumerate(merged) if _key(old, keys) == key), len(merged))
        old = merged[at] if at < len(merged) else None
        part = overlay(None if _replaces(field, old, entry) else old, entry, f"{path}[{key[0]}]")
        merged[at : at + 1] = [] if part is None else [part]
    return merged


def _key(entry: dict[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(entry.get(key, KEY_DEFAULTS.get(key)) for key in keys)


def _replaces(field: str, old: dict[str, Any] | None, entry: dict[str, Any]) -> bool:
    """Return whether an entry takes the place of the old one: a variable or a volume has one source only."""
    if field == "env":
        return True
    return field == "volumes" and old is not None and not entry.keys() - {DIRECTIVE} <= old.keys()


def _wrong_kind(path: str, patch: Any, base: Any) -> InvalidPodTemplate:
    is_, belongs = (KINDS.get(type(value), "a number") for value in (patch, base))
    return InvalidPodTemplate(f"{path} is {is_} where {belongs} belongs")
