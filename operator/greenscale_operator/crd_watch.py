"""Whether the kinds that Kopf watches are still those that it found when it started.

Kopf lists the API's kinds at each event of a CRD, and the API server lists a new kind a moment after the last of these
events (seen with Kubernetes 1.36.3 and Kopf 1.45.2), so that nobody would watch it. Workloads that are deleted with
their CRD may leave no event at all.
"""

from collections.abc import Iterable
from typing import Any

from greenscale_operator.kinds import Kind

Body = dict[str, Any]

SETTLE_SECONDS = 2.0
"""How long after a change the API server lists what there is."""


class CrdWatch:
    """The CRDs of the kinds that are watched, by name."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._watched = frozenset(f"{kind.plural}.{kind.group}" for kind in kinds)
        self._uids: dict[str, str] = {}

    def changed(self, event: str | None, body: Body) -> bool:
        """Take note of a CRD; returns whether one that matters came or went. `event` None: it was there before."""
        name, uid = body["metadata"]["name"], body["metadata"]["uid"]
        if name not in self._watched:
            return False
        if event == "DELETED":
            self._uids.pop(name, None)
            return True
        known = self._uids.get(name)
        self._uids[name] = uid
        first_list = known is None and event is None
        return uid != known and not first_list
