"""Takes signals and has workloads reconciled: between `handlers`, which know Kopf, and `reconciler`, which does not."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterable
from typing import Any

from greenscale_jobs import WorkloadState
from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import ClusterError
from greenscale_operator.keyed_queue import KeyedQueue, Priority
from greenscale_operator.kinds import Kind
from greenscale_operator.logs import fields
from greenscale_operator.reconciler import Reconciler
from greenscale_operator.watch_cache import Key, WatchCache, key_of, owner_of

Body = dict[str, Any]

RESYNC_SECONDS = 600.0
"""All workloads are listed and reconciled this often, whatever the watches have shown."""

FIRST_LOOK_SECONDS = (2.0, 5.0)
"""When a workload at rest is reconciled after a restart: once its children are known too, and not all at one time."""

DEAF_SECONDS = 60.0
"""What a list shows, the watch must have shown after this long; else it is dead."""

logger = logging.getLogger(__name__)


class Signals:
    """What `handlers` call."""

    def __init__(
        self,
        cluster: Cluster,
        cache: WatchCache,
        reconciler: Reconciler,
        *,
        resync_seconds: float = RESYNC_SECONDS,
        deaf_seconds: float = DEAF_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._resync_seconds = resync_seconds
        self._deaf_seconds = deaf_seconds
        self.queue = KeyedQueue(reconciler.reconcile)
        self._deaf_since: float | None = None

    def workload(self, body: Body, *, gone: bool) -> None:
        """Take note of a workload, or that it is gone."""
        key = key_of(body)
        if gone:
            self._cache.forget(key)
            self.queue.forget(key)
            self.queue.add(key)
            return
        first = key not in self._cache.workloads
        if self._cache.put_workload(body):
            self._ask(key, first=first)

    def child(self, kind: Kind, body: Body, *, gone: bool) -> None:
        """Take note of a child, or that it is gone: deleted, or without our label."""
        key = owner_of(body) or self._cache.key_of_child(kind.kind, body)  # somebody may have cut it off
        if key is None:
            return
        if gone:
            self._cache.children.pop((kind.kind, key), None)
            self._ask(key)
            return
        first = (kind.kind, key) not in self._cache.children
        if self._cache.put_child(kind.kind, key, body):
            self._ask(key, first=first)

    def _ask(self, key: Key, *, first: bool = False) -> None:
        """Have a workload reconciled. `first`: nothing is known to have changed, this is the first event of an object.

        Children's events may come before their workload's, which then has it reconciled.
        """
        body = self._cache.workloads.get(key)
        if first and (body is None or is_at_rest(body)):
            self.queue.add_in(key, random.uniform(*FIRST_LOOK_SECONDS), Priority.BACKGROUND)  # noqa: S311
        else:
            is_awaited = body is not None and not is_settled(body)
            self.queue.add(key, Priority.URGENT if is_awaited else Priority.NORMAL)

    def deaf(self) -> str | None:
        """Return since when a list shows what no watch did, as a clause; None while the watch is well."""
        since = self._deaf_since
        return None if since is None else f"the watch has shown nothing for {time.time() - since:.0f} s"

    async def resync(self) -> None:
        """List all workloads now and then, have each reconciled, and find out whether the watch is dead."""
        while True:
            await asyncio.sleep(self._resync_seconds * random.uniform(0.8, 1.2))  # noqa: S311
            with contextlib.suppress(ClusterError):
                await self._compare()
            for key in list(self._cache.workloads):
                self.queue.add(key, Priority.BACKGROUND)

    async def _compare(self) -> None:
        before = _marks(await self._cluster.workloads())
        await asyncio.sleep(self._deaf_seconds)
        cache, after = _marks(self._cache.workloads.values()), _marks(await self._cluster.workloads())
        missed = [key for key, mark in before.items() if after.get(key) == mark and cache.get(key) != mark]
        if missed:
            self._deaf_since = self._deaf_since or time.time()
            logger.error("watch_deaf", extra=fields(missed=",".join(map(str, missed[:5]))))
        else:
            self._deaf_since = None


def is_settled(body: Body) -> bool:
    """Return whether a workload's status says of its present spec that it is Ready: nobody waits for that."""
    status = body.get("status", {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
    return ready and status.get("observedGeneration") == body["metadata"].get("generation")


def is_at_rest(body: Body) -> bool:
    """Return whether a workload sleeps and is well, so that reconciling it may wait."""
    return is_settled(body) and body["status"].get("state") == WorkloadState.SCALED_TO_ZERO


def _marks(bodies: Iterable[Body]) -> dict[Key, tuple[str, int]]:
    return {key_of(body): (body["metadata"]["uid"], body["metadata"].get("generation", 0)) for body in bodies}
