"""The end of a workload whose queue goes with it (`queue.deletionPolicy: Delete`); all others need nothing of us.

It always ends: a scaler, a Redis or a Secret that is gone holds up no deletion and is reported instead.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from greenscale_jobs import QueueUnavailable
from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import ClusterError, Gone, Lasting
from greenscale_operator.logs import fields
from greenscale_operator.reconciler import Reconciler
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.watch_cache import Key, key_of
from greenscale_operator.workload import InvalidWorkload

Body = dict[str, Any]

FINALIZER = "greenscale.dev/delete-queue"

RETRY_SECONDS = 5.0

SCALER_END_SECONDS, SCALER_GONE_SECONDS = 10.0, 20.0
"""How long the scaler may take to end its object before that is reported, and then before we go on without."""

QUEUE_SECONDS, QUEUE_RETRY_SECONDS = 30.0, 2.0
"""How long a Redis that does not answer is given, and how often it is asked."""

logger = logging.getLogger(__name__)


class Deletion:
    """Ends workloads that are being deleted, and holds those whose end takes more than that."""

    def __init__(self, cluster: Cluster, reconciler: Reconciler, scaler: ScalerDriver) -> None:
        self._cluster = cluster
        self._scaler = scaler
        self._reconciler = reconciler

    async def attend(self, body: Body) -> None:
        """Add or remove our finalizer, as the policy of the workload asks; end a workload that is being deleted."""
        if not body["metadata"].get("deletionTimestamp"):
            # What fails is tried again at the next change, such as the status that is written now.
            await self._hold(body, wanted=deletes_queue(body))
            return
        while FINALIZER in body["metadata"].get("finalizers", []):
            try:
                await self.finish(body)
            except Gone:
                return
            except ClusterError as error:
                logger.warning("deletion_failed", extra=fields(workload=key_of(body), error=error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if await self._hold(body, wanted=False):
                    return
                await asyncio.sleep(RETRY_SECONDS)

    async def _hold(self, body: Body, *, wanted: bool) -> bool:
        """Return whether the finalizer is as wanted now."""
        patch = finalizer_patch(body, wanted=wanted)
        if patch:
            try:
                await self._cluster.patch_workload(*key_of(body), patch)
            except ClusterError as error:
                logger.warning("finalizer_unchanged", extra=fields(workload=key_of(body), error=error))
                return isinstance(error, Gone)
        return True

    async def finish(self, body: Body) -> None:
        """Remove a workload's queue when nothing scales it any more. Raises ClusterError where once more may do."""
        key = key_of(body)
        kind, name = self._scaler.scaling_kind, self._scaler.object_name(key.name)
        with contextlib.suppress(ClusterError):
            await self._cluster.annotate(kind, key.namespace, name, dict(self._scaler.stop))
        with contextlib.suppress(Lasting):  # the scaler's kinds are gone, and its object with them
            await self._cluster.delete(kind, key.namespace, name)
            if not await self._ends_within(SCALER_END_SECONDS, key, name):
                with contextlib.suppress(ClusterError, InvalidWorkload):
                    await self._reconciler.report_lingering(body)
                await self._ends_within(SCALER_GONE_SECONDS, key, name)
        await self._remove_queue(body)

    async def _ends_within(self, seconds: float, key: Key, name: str) -> bool:
        try:
            async with asyncio.timeout(seconds):
                # Its watch would tell, but not of a kind that has gone.
                while await self._cluster.get(self._scaler.scaling_kind, key.namespace, name):  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return False
        return True

    async def _remove_queue(self, body: Body) -> None:
        deadline = time.monotonic() + QUEUE_SECONDS
        while True:
            try:
                await self._reconciler.remove_queue(body)
            except QueueUnavailable as error:
                if time.monotonic() > deadline:
                    await self._reconciler.report_queue_left(body, str(error))
                    return
                await asyncio.sleep(QUEUE_RETRY_SECONDS)
            except (Lasting, InvalidWorkload) as error:
                await self._reconciler.report_queue_left(body, str(error))
                return
            else:
                return


def deletes_queue(body: Body) -> bool:
    """Return whether the queue goes with the workload; only then it has a finalizer."""
    return bool(body.get("spec", {}).get("queue", {}).get("deletionPolicy") == "Delete")


def finalizer_patch(body: Body, *, wanted: bool) -> list[Body]:
    """Return the JSON patch that adds our finalizer or removes it; empty if all is well.

    It tests what it rests on: the finalizers of others may have changed meanwhile.
    """
    finalizers: list[str] = body["metadata"].get("finalizers", [])
    if wanted == (FINALIZER in finalizers):
        return []
    path = "/metadata/finalizers"
    if wanted:
        version = body["metadata"]["resourceVersion"]
        return [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": path, "value": [*finalizers, FINALIZER]},
        ]
    own = f"{path}/{finalizers.index(FINALIZER)}"
    return [{"op": "test", "path": own, "value": FINALIZER}, {"op": "remove", "path": own}]
