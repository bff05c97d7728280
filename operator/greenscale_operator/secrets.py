"""Values of Secrets that workloads refer to, kept in memory for a short while and never logged."""

import time
from collections.abc import Callable

from greenscale_operator.cluster import Cluster

KEEP_SECONDS = 60.0
"""Many workloads name one Secret; a renewed one is read again after this time."""


class Secrets:
    """Reads Secrets; one that is missing is asked for again each time."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = time.time) -> None:
        self._cluster = cluster
        self._clock = clock
        self._kept: dict[tuple[str, str, str], tuple[float, str]] = {}

    async def value(self, namespace: str, name: str, key: str) -> str:
        """Return what a Secret holds under a key; raises SecretMissing or another ClusterError."""
        read_at, value = self._kept.get((namespace, name, key), (0.0, ""))
        if self._clock() - read_at > KEEP_SECONDS:
            value = await self._cluster.secret(namespace, name, key)
            self._kept[namespace, name, key] = (self._clock(), value)
        return value
