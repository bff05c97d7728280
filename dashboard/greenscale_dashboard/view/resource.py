"""A workload's resource and ScaledObject as YAML, and its conditions."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from greenscale_dashboard.view.cache import client, shared
from greenscale_jobs import RedisAddress, Resource
from greenscale_jobs.keys import DEFAULT_LIST

MAX_AGE_SECONDS = 2.0
"""How old a resource on a page may be."""

LINE_CHARS = 100
"""Longer lines are folded, so that nobody has to scroll sideways."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition of a workload. Each text is untrusted."""

    type: str
    status: str
    reason: str
    message: str
    since: float | None
    """Unix seconds; None if missing or unreadable."""


@shared(seconds=MAX_AGE_SECONDS)
def resource(address: RedisAddress, namespace: str, name: str) -> Resource | None:
    """Read a workload's resource and the objects created from it; None if nobody has reported it."""
    return client(address, DEFAULT_LIST).resource(namespace, name)


def as_yaml(document: Mapping[str, Any]) -> str:
    """Return an object as YAML, its fields in their own order. Pure."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=LINE_CHARS)


def conditions(reported: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """Return the reported conditions, in their order. Pure."""
    return [Condition(**_texts(one), since=_unix(one.get("lastTransitionTime"))) for one in reported]


def _texts(condition: Mapping[str, Any]) -> dict[str, str]:
    return {part: str(condition.get(part) or "") for part in ("type", "status", "reason", "message")}


def _unix(moment: object) -> float | None:
    try:
        return dt.datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
