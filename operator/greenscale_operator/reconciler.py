"""Makes the cluster match one workload and reports the truth about it: the same for every signal, and idempotent.

The steps, in order: the spec, the queue, the Secrets, the objects, the pods. Each returns what it has found; what fails
becomes a problem with a reason, and the rest is done all the same. Whatever raises, the status says so.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable

from msgspec.structs import replace

from greenscale_jobs.workloads import Problem
from greenscale_operator.apply import Applier
from greenscale_operator.children import ENDING_SECONDS, ending_seconds
from greenscale_operator.errors import Lingering
from greenscale_operator.events import Events
from greenscale_operator.failures import note_failure
from greenscale_operator.logs import fields
from greenscale_operator.memory import Memory
from greenscale_operator.pod_checks import PodChecks
from greenscale_operator.queue_checks import QueueChecks
from greenscale_operator.reconciliation import Body, Failure, ObjectFinding, Reconciliation, SpecFinding, read_spec
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.status_writer import StatusWriter
from greenscale_operator.watch_cache import Key, WatchCache, key_of
from greenscale_operator.workload import parse

RECOVERED_SECONDS = 1.0
"""How soon a workload is reconciled again after the operator had failed at it."""

logger = logging.getLogger(__name__)


class Reconciler:
    """Reconciles one workload at a time; `KeyedQueue` sees to that. `main` gives it its parts."""

    def __init__(
        self,
        cache: WatchCache,
        scaler: ScalerDriver,
        *,
        queue_checks: QueueChecks,
        applier: Applier,
        pod_checks: PodChecks,
        status_writer: StatusWriter,
        events: Events,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache
        self._scaler = scaler
        self._queue_checks = queue_checks
        self._applier = applier
        self._pod_checks = pod_checks
        self._status_writer = status_writer
        self._events = events
        self._clock = clock
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Do what one workload needs; returns in how many seconds to do so again, if at all."""
        body = self._cache.workloads.get(key)
        if body is None:
            self._memories.pop(key, None)
            await self._queue_checks.forget(key)
            return await self._see_off(key)
        if body["metadata"].get("deletionTimestamp"):
            return None
        memory = self._memories.setdefault(key, Memory())
        found = self._begin(key, body, memory)
        error: Exception | None = None
        try:
            async for after_step in self._steps(found, memory):
                found = after_step  # where a step raises, what those before it have found is reported
        except Exception as caught:  # noqa: BLE001 - whatever it is, the status has to say it
            error = caught
            failure = note_failure(caught, memory, generation=found.generation, now=found.now)
            found = replace(found, failure=failure)
        try:
            again = await self._status_writer.write(key, found, memory)
        except Exception as caught:
            await self._status_writer.write_least(key, found, memory, caught)
            raise
        if error:
            raise error
        if memory.failure:
            memory.failure = None  # it went well this time: the next status says so
            return RECOVERED_SECONDS
        return again

    def _begin(self, key: Key, body: Body, memory: Memory) -> Reconciliation:
        return Reconciliation(
            body=body,
            now=self._clock(),
            objects=self._applier.present(key, body["metadata"]["uid"]),
            failure=Failure(failure=memory.failure),
        )

    async def _steps(self, found: Reconciliation, memory: Memory) -> AsyncIterator[Reconciliation]:
        """Take one step after another, and yield what has been found after each."""
        yield (found := replace(found, spec=read_spec(found.body, now=found.now)))
        workload = found.workload
        if workload is None or found.spec.problem:
            return
        yield (found := replace(found, queue=await self._queue_checks.check(workload, found.body)))
        yield (found := replace(found, api_key=await self._queue_checks.check_api_key(workload)))
        if not found.queue.taken:
            yield (found := replace(found, objects=await self._applier.apply(found, workload, memory)))
        if found.objects.error:
            raise found.objects.error
        memory.made_generation = found.generation
        yield replace(found, pods=await self._pod_checks.check(found, workload, memory))
        memory.trouble = None

    # Deletions.

    async def remove_queue(self, body: Body) -> None:
        """Remove the queue of a workload that is being deleted, with every job; raises QueueUnavailable."""
        await self._queue_checks.remove(parse(body), body)

    async def report_lingering(self, body: Body) -> None:
        """Report of a workload that is being deleted what holds it."""
        workload = parse(body)
        key = Key(workload.namespace, workload.name)
        message = self._scaler.lingering(key.namespace, self._scaler.object_name(key.name))
        found = Reconciliation(
            body=body,
            now=self._clock(),
            spec=SpecFinding(workload=workload),
            objects=ObjectFinding(
                deployment=self._applier.deployment_of(key), scaler_problem=Problem(Lingering.reason, message)
            ),
        )
        await self._status_writer.write(key, found, Memory())

    async def report_queue_left(self, body: Body, why: str) -> None:
        """Report that a queue which was to be removed with its workload is still there."""
        message = f"The queue is left in Redis with its jobs, for it could not be removed: {why}"
        logger.warning("queue_left_behind", extra=fields(workload=key_of(body), reason=why))
        await self._events.post(body, kind="Warning", reason="QueueLeftBehind", message=message)

    async def _see_off(self, key: Key) -> float | None:
        """Report a scaler's object that outlives its workload: only that object is left to post an Event about."""
        kind = self._scaler.scaling_kind
        left = self._cache.children.get((kind.kind, key))
        ending = ending_seconds(left, now=self._clock()) if left else None
        if left is None or ending is None:
            return None  # garbage collection begins its end, which its watch will show
        if ending < ENDING_SECONDS:
            return ENDING_SECONDS - ending
        message = self._scaler.lingering(key.namespace, left["metadata"]["name"])
        logger.warning("scaler_lingering", extra=fields(workload=key, message=message))
        regarding = {**left, "apiVersion": kind.api_version, "kind": kind.kind}
        await self._events.post(regarding, kind="Warning", reason=Lingering.reason, message=message)
        return None
