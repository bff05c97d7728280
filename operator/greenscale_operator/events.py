"""Kubernetes Events, for `kubectl describe`: a few and not a storm."""

from collections.abc import Callable
from typing import Any, Literal

from greenscale_operator.cluster import Cluster

QUIET_SECONDS = 60.0
"""The same Event of the same object is posted at most this often: somebody who fights with us could fill etcd."""


class Events:
    """Posts Events in this operator's name; `clock` gives Unix seconds."""

    def __init__(self, cluster: Cluster, *, identity: str, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._identity = identity
        self._clock = clock
        self._posted_at: dict[tuple[str, str], float] = {}

    async def post(
        self, regarding: dict[str, Any], *, kind: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Post what happened to an object, unless the same was posted just now."""
        now, what = self._clock(), (regarding["metadata"]["uid"], reason)
        self._posted_at = {posted: at for posted, at in self._posted_at.items() if now - at < QUIET_SECONDS}
        if what in self._posted_at:
            return
        self._posted_at[what] = now
        await self._cluster.post_event(regarding, kind=kind, reason=reason, message=message, reporter=self._identity)
