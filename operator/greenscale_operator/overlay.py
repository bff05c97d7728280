"""Lays a user's `podTemplate` over ours, as a strategic merge does.

Pure.
"""

from typing import Any


def overlay(base: Any, patch: Any) -> Any:
    """Return `base` with `patch` laid over it.

    Objects merge key by key, where None removes a key; lists of named objects merge by name; all else is replaced.
    """
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = dict(base)
        for key, value in patch.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = overlay(merged.get(key), value)
        return merged
    if _named(base) and _named(patch):
        patches = {entry["name"]: entry for entry in patch}
        kept = [overlay(entry, patches.pop(entry["name"], {})) for entry in base]
        return [*kept, *patches.values()]
    return patch


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and "name" in entry for entry in value)
