"""Takes signals and has workloads reconciled: between `handlers`, which know Kopf, and `reconciler`, which does not."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterable
from typing import Any

from greenscale_jobs import QueueUnavailable
from greenscale_operator.cluster import SCALED_OBJECT, Cluster, Kind
from greenscale_operator.errors import ClusterError
from greenscale_operator.keyed_queue import KeyedQueue
from greenscale_operator.reconciler import Reconciler
from greenscale_operator.seen import Key, Seen, key_of, owner_of

Body = dict[str, Any]

RESYNC_SECONDS = 600.0
"""All workloads are listed and looked at again this often, whatever the watches have shown."""

DEAF_SECONDS = 60.0
"""What a list shows, the watch must have shown after this long; else it is dead."""

SCALER_END_SECONDS = 30.0
"""How long a deletion waits for KEDA to end a ScaledObject before it goes on without."""

logger = logging.getLogger(__name__)


class Signals:
    """What `handlers` call."""

    def __init__(self, cluster: Cluster, seen: Seen, reconciler: Reconciler) -> None:
        self._cluster = cluster
        self._seen = seen
        self._reconciler = reconciler
        self.queue = KeyedQueue(reconciler.reconcile)
        self.deaf_since: float | None = None
        """Since when (Unix seconds) a list shows what no watch did; None while the watch is well."""

    def workload(self, body: Body, *, gone: bool) -> None:
        """Take note of a workload, or that it is gone."""
        key = key_of(body)
        if gone:
            self._seen.forget(key)
            self.queue.forget(key)
            self.queue.add(key)
        elif self._seen.put_workload(body):
            self.queue.add(key)

    def child(self, kind: Kind, body: Body, *, gone: bool) -> None:
        """Take note of a child, or that it is gone: deleted, or without our label."""
        key = owner_of(body) or self._seen.key_of_child(kind.kind, body)  # somebody may have cut it off
        if key is None:
            return
        if gone:
            self._seen.children.pop((kind.kind, key), None)
            self.queue.add(key)
        elif self._seen.put_child(kind.kind, key, body):
            self.queue.add(key)

    async def deleting(self, body: Body) -> None:
        """Remove the queue of a workload that is being deleted, when nothing scales it any more; it always ends."""
        key = key_of(body)
        name = f"{key.name}-scaler"
        with contextlib.suppress(ClusterError):
            # Stops KEDA's loop, whose status writes would otherwise hold up the deletion (kedacore/keda#7950).
            await self._cluster.annotate(SCALED_OBJECT, key.namespace, name, {"autoscaling.keda.sh/paused": "true"})
        await self._cluster.delete(SCALED_OBJECT, key.namespace, name)
        await self._wait_until_gone(key, name)
        try:
            await self._reconciler.remove_queue(body)
        except QueueUnavailable as error:
            logger.warning("%s: its queue is left behind: %s", key, error)

    async def _wait_until_gone(self, key: Key, name: str) -> None:
        try:
            async with asyncio.timeout(SCALER_END_SECONDS):
                while await self._cluster.get(SCALED_OBJECT, key.namespace, name):  # noqa: ASYNC110 - not ours to tell
                    await asyncio.sleep(0.5)
        except TimeoutError:
            logger.warning("%s: KEDA did not end the ScaledObject %s: is it running?", key, name)

    async def resync(self) -> None:
        """List all workloads now and then, look at each again, and find out whether the watch is deaf."""
        while True:
            await asyncio.sleep(RESYNC_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
            with contextlib.suppress(ClusterError):
                await self._compare()
            for key in list(self._seen.workloads):
                self.queue.add(key)

    async def _compare(self) -> None:
        before = _marks(await self._cluster.workloads())
        await asyncio.sleep(DEAF_SECONDS)
        seen, after = _marks(self._seen.workloads.values()), _marks(await self._cluster.workloads())
        missed = [key for key, mark in before.items() if after.get(key) == mark and seen.get(key) != mark]
        if missed:
            self.deaf_since = self.deaf_since or time.time()
            logger.error("the watch is deaf: it has not shown %s", ", ".join(map(str, missed[:5])))
        else:
            self.deaf_since = None


def _marks(bodies: Iterable[Body]) -> dict[Key, tuple[str, int]]:
    return {key_of(body): (body["metadata"]["uid"], body["metadata"].get("generation", 0)) for body in bodies}
