"""A workload as it was applied and what became of it: texts to read, and its conditions."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from greenscale_dashboard.view.cache import client, shared
from greenscale_jobs import RedisAddress, Resource
from greenscale_jobs.keys import DEFAULT_LIST

READ_SECONDS = 2.0
"""How old a resource on a page may be."""

LINE_CHARS = 100
"""Longer texts are folded, so that a page need not be scrolled sideways."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """What Kubernetes was told of a workload. Each text is foreign."""

    type: str
    status: str
    reason: str
    message: str
    since: float | None
    """Unix seconds; None where nobody told, or not in a way that can be read."""


@shared(seconds=READ_SECONDS)
def resource(address: RedisAddress, namespace: str, name: str) -> Resource | None:
    """Return what was applied for a workload and what became of it; None where nobody tells of it."""
    return client(address, DEFAULT_LIST).resource(namespace, name)


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return an object as its author would write it: in its own order. Pure."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=LINE_CHARS)


def conditions(told: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """Return conditions in the order in which they were told. Pure."""
    return [Condition(**_texts(one), since=_unix(one.get("lastTransitionTime"))) for one in told]


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    return {part: str(told.get(part) or "") for part in ("type", "status", "reason", "message")}


def _unix(moment: object) -> float | None:
    try:
        return dt.datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
