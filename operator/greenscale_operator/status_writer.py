"""Reports what a reconciliation has found: in the workload's status, on the board, and by Events."""

from typing import Literal

from greenscale_jobs.engine_report import seconds_of_news
from greenscale_operator.board import page_resource, page_status
from greenscale_operator.cluster import Cluster
from greenscale_operator.conditions import ready
from greenscale_operator.errors import Passing
from greenscale_operator.events import Events
from greenscale_operator.facts import Facts
from greenscale_operator.failures import failure_of
from greenscale_operator.memory import Memory
from greenscale_operator.queues import Queues
from greenscale_operator.reconciliation import Body, Reconciliation, soonest
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.status import least_status, patch, status, wait_before_writing
from greenscale_operator.watch_cache import Key, WatchCache

UNREPORTED_SECONDS = 15.0
"""How soon a workload is reconciled again whose scaler has not reported yet."""


class StatusWriter:
    """Writes a status only where it says something new."""

    def __init__(
        self, cluster: Cluster, cache: WatchCache, queues: Queues, events: Events, scaler: ScalerDriver
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._queues = queues
        self._events = events
        self._scaler = scaler

    async def write(self, key: Key, found: Reconciliation, memory: Memory) -> float | None:
        """Report what was found; returns in how many seconds to reconcile again, if at all. Raises ClusterError."""
        facts, before = found.facts(memory, self._scaler), found.body.get("status", {})
        model = found.workload.engine.model if found.workload else None
        after = status(facts, before, model=model)
        wait = wait_before_writing(before, after, now=found.now)
        if wait == 0:
            written = await self._cluster.patch_status(*key, patch(before, after))
            self._cache.put_workload(written)
            await self._post_change(found.body, before, facts)
        return soonest(found.again, wait or None, await self._publish(key, found, facts, after))

    async def write_least(self, key: Key, found: Reconciliation, memory: Memory, error: Exception) -> None:
        """Write the smallest status that says why the whole one could not be written."""
        if isinstance(error, Passing):
            return  # the API server takes no status at all just now
        problem = memory.failure = failure_of(error)
        body = self._cache.workloads.get(key, found.body)
        least = least_status(body.get("status", {}), problem, generation=found.generation, now=found.now)
        if least:
            self._cache.put_workload(await self._cluster.patch_status(*key, least))
            await self._events.post(body, kind="Warning", reason=problem.reason, message=problem.message)

    async def _publish(self, key: Key, found: Reconciliation, facts: Facts, after: Body) -> float | None:
        """Put the workload on the board; returns in how many seconds what is said there is over."""
        if found.workload is None:
            return None
        board = page_status(found.workload, facts, self._queues.starts(key))
        await self._queues.publish(key, board, page_resource(found, after))
        news = seconds_of_news(facts.stats, now=found.now)
        return soonest(
            None if board.asleep_at is None else board.asleep_at - found.now + 1,
            UNREPORTED_SECONDS if ready(facts).status == "Unknown" else None,
            news + 1 if news else None,  # where no worker is left, nobody withdraws it
        )

    async def _post_change(self, body: Body, before: Body, facts: Facts) -> None:
        """Post an Event when `Ready` is lost, or comes back; a new workload that is well needs none."""
        now = ready(facts)
        was = next((condition for condition in before.get("conditions", []) if condition["type"] == "Ready"), None)
        if now.status == "False" and (was is None or (was["status"], was["reason"]) != (now.status, now.reason)):
            kind: Literal["Normal", "Warning"] = "Normal" if now.reason == "Suspended" else "Warning"
            await self._events.post(body, kind=kind, reason=now.reason, message=now.message)
        elif now.status == "True" and was and was["status"] == "False":
            await self._events.post(body, kind="Normal", reason="Ready", message=now.message)
