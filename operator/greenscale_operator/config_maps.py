"""What is in the ConfigMaps that pods refer to: a change of it must reach workers that run already.

Kubernetes gives a running container its environment only once. Secrets are not read here.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence

import msgspec

from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import ClusterError
from greenscale_operator.logs import fields

READ_SECONDS = 60.0
"""Each is read at most this often, however many workloads refer to it."""

MISSING = "missing"

logger = logging.getLogger(__name__)


class ConfigMaps:
    """Reads ConfigMaps; `clock` gives Unix seconds."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._read: dict[tuple[str, str], tuple[float, asyncio.Task[str]]] = {}

    async def digest(self, namespace: str, names: Sequence[str]) -> str | None:
        """Return one digest of all of them; None where one cannot be read: what was known is then kept.

        One that does not exist has a digest too, since its arrival is a change. That it is missing, the kubelet says.
        """
        try:
            digests = [await self._digest_of(namespace, name) for name in names]
        except ClusterError as error:
            logger.warning("config_map_unreadable", extra=fields(error=error))
            return None
        return _digest(list(zip(names, digests, strict=True)))

    async def _digest_of(self, namespace: str, name: str) -> str:
        now = self._clock()
        self._read = {key: read for key, read in self._read.items() if now - read[0] < READ_SECONDS}
        if (namespace, name) not in self._read:
            task = asyncio.get_running_loop().create_task(self._ask(namespace, name))
            self._read[namespace, name] = now, task
        return await asyncio.shield(self._read[namespace, name][1])

    async def _ask(self, namespace: str, name: str) -> str:
        found = await self._cluster.config_map(namespace, name)
        return _digest([found.get("data"), found.get("binaryData")]) if found else MISSING


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:16]
