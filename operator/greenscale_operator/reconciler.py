"""Makes the cluster match one workload and tells the truth about it: the same for every signal, and idempotent.

`manifest` and `conditions` decide; this module asks, in order: the queue, the Secrets, the children, the pods. What
fails becomes a problem with a reason, and the rest is done all the same. Whatever raises, the status says so.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

from greenscale_jobs import QueueUnavailable, RedisAddress
from greenscale_jobs.engine_report import seconds_of_news
from greenscale_operator import facts, schedules
from greenscale_operator.apply import Applier
from greenscale_operator.board import page_resource, page_status
from greenscale_operator.children import ENDING_SECONDS, Children, ending_seconds
from greenscale_operator.cluster import Cluster
from greenscale_operator.conditions import ready
from greenscale_operator.config_maps import ConfigMaps
from greenscale_operator.errors import Lasting, Lingering, Passing
from greenscale_operator.events import Events
from greenscale_operator.facts import Facts, Problem
from greenscale_operator.failures import failure_of, note_failure
from greenscale_operator.kinds import DEPLOYMENT
from greenscale_operator.memory import Memory
from greenscale_operator.objects import Install, redis_host
from greenscale_operator.pod_checks import PodChecks, pace
from greenscale_operator.queues import Queues
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.resource_terms import in_resource_words
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.secrets import Secrets
from greenscale_operator.status import least_status, patch, status, wait_before_writing
from greenscale_operator.watch_cache import Key, WatchCache
from greenscale_operator.workload import InvalidWorkload, Workload, parse

Body = dict[str, Any]

RECOVERED_SECONDS = 1.0
"""How soon a workload is looked at again after the operator had failed at it."""

UNREPORTED_SECONDS = 15.0
"""How soon a workload is reconciled again whose Redis or scaler has not answered yet."""

logger = logging.getLogger(__name__)


class Reconciler:
    """Reconciles one workload at a time; `KeyedQueue` sees to that."""

    def __init__(
        self,
        cluster: Cluster,
        cache: WatchCache,
        queues: Queues,
        scaler: ScalerDriver,
        install: Install,
        *,
        identity: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._queues = queues
        self._scaler = scaler
        self._install = install
        self._clock = clock
        self._events = Events(cluster, identity=identity, clock=clock)
        children = Children(cluster, cache, scaler, report=self._report_drift, clock=clock)
        self._applier = Applier(children, cache, scaler, install, ConfigMaps(cluster, clock=clock))
        self._pod_checks = PodChecks(cluster)
        self._secrets = Secrets(cluster, clock=clock)
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Do what one workload needs; returns in how many seconds to look again, if at all."""
        body = self._cache.workloads.get(key)
        if body is None:
            self._memories.pop(key, None)
            await self._queues.forget(key)
            return await self._see_off(key)
        if body["metadata"].get("deletionTimestamp"):
            return None
        reconciliation = self._begin(key, body)
        error: Exception | None = None
        try:
            await self._work(reconciliation)
        except Exception as caught:  # noqa: BLE001 - whatever it is, the status has to say it
            error = caught
            note_failure(reconciliation, caught)
        try:
            again = await self._tell(key, reconciliation)
        except Exception as caught:
            await self._tell_least(key, reconciliation, caught)
            raise
        if error:
            raise error
        if reconciliation.memory.failure:
            reconciliation.memory.failure, again = (
                None,
                RECOVERED_SECONDS,
            )  # it went well this time: the next status says so
        return again

    async def remove_queue(self, body: Body) -> None:
        """Remove the queue of a workload that is being deleted, with every job; raises QueueUnavailable."""
        workload = parse(body)
        key = Key(workload.namespace, workload.name)
        address = await self._address(workload)
        created = body["metadata"]["creationTimestamp"]
        if self._queues.queue_owner(key, address, workload.list_name, created=created) is None:
            await self._queues.settle(key, workload, address, created=created)
            await self._queues.delete(key)

    async def report_lingering(self, body: Body) -> None:
        """Say of a workload that is being deleted why it is still there."""
        workload = parse(body)
        key = Key(workload.namespace, workload.name)
        reconciliation = Reconciliation(body, Memory(), self._scaler, now=self._clock())
        reconciliation.workload, reconciliation.deployment = workload, self._cache.children.get((DEPLOYMENT.kind, key))
        reconciliation.scaler_problem = Problem(
            Lingering.reason, self._scaler.lingering(key.namespace, self._scaler.object_name(key.name))
        )
        await self._tell(key, reconciliation)

    async def tell_queue_left(self, body: Body, why: str) -> None:
        """Say that a queue which was to be removed with its workload is still there."""
        message = f"The queue is left in Redis with its jobs, for it could not be removed: {why}"
        logger.warning("%s: %s", Key(body["metadata"]["namespace"], body["metadata"]["name"]), message)
        await self._events.post(body, kind="Warning", reason="QueueLeftBehind", message=message)

    async def _see_off(self, key: Key) -> float | None:
        """Say so where the scaler's object outlives its workload: only that object is left to post an Event about."""
        kind = self._scaler.scaling_kind
        left = self._cache.children.get((kind.kind, key))
        ending = ending_seconds(left, now=self._clock()) if left else None
        if left is None or ending is None:
            return None  # its end is begun by garbage collection, which its watch will show
        if ending < ENDING_SECONDS:
            return ENDING_SECONDS - ending
        message = self._scaler.lingering(key.namespace, left["metadata"]["name"])
        logger.warning("%s: %s", key, message)
        regarding = {**left, "apiVersion": kind.api_version, "kind": kind.kind}
        await self._events.post(regarding, kind="Warning", reason=Lingering.reason, message=message)
        return None

    # Asking.

    def _begin(self, key: Key, body: Body) -> Reconciliation:
        reconciliation = Reconciliation(body, self._memories.setdefault(key, Memory()), self._scaler, now=self._clock())
        reconciliation.failure = reconciliation.memory.failure
        uid = body["metadata"]["uid"]
        reconciliation.deployment = _present(self._cache.children.get((DEPLOYMENT.kind, key)), uid)
        reconciliation.scaled_object = _present(self._cache.children.get((self._scaler.scaling_kind.kind, key)), uid)
        return reconciliation

    async def _work(self, reconciliation: Reconciliation) -> None:
        try:
            workload = reconciliation.workload = parse(reconciliation.body)
            schedules.check(workload.scaling.schedules)
        except InvalidWorkload as error:
            reconciliation.spec_problem = Problem("InvalidSpec", f"{error}: edit the spec.")
            return
        reconciliation.look_at_schedules(workload.scaling.schedules)
        await self._look_at_queue(reconciliation, workload)
        await self._check_secrets(reconciliation, workload)
        await self._applier.apply(reconciliation, workload)
        reconciliation.memory.made_generation = reconciliation.generation
        await self._look_at_pods(reconciliation, workload)
        reconciliation.memory.trouble = None

    async def _look_at_queue(self, reconciliation: Reconciliation, workload: Workload) -> None:
        key, created = Key(workload.namespace, workload.name), reconciliation.body["metadata"]["creationTimestamp"]
        try:
            address = await self._address(workload)
            reconciliation.redis = str(address)
            owner = self._queues.queue_owner(key, address, workload.list_name, created=created)
            if owner:
                reconciliation.spec_problem = Problem(
                    "QueueTaken",
                    f"The list {workload.list_name} in Redis at {address} is the queue of {owner} already: name "
                    "another list (spec.queue.listName), or use another database.",
                )
                return
            reconciliation.stats = await self._queues.settle(key, workload, address, created=created)
        except QueueUnavailable as error:
            reconciliation.queue_problem = Problem(
                "RedisUnavailable", in_resource_words(str(error), workload, self._install)
            )
            reconciliation.again_in(UNREPORTED_SECONDS)
        except Lasting as error:
            reconciliation.queue_problem = reconciliation.problem(error)

    async def _check_secrets(self, reconciliation: Reconciliation, workload: Workload) -> None:
        key = workload.engine.open_ai.api_key_secret_ref
        if workload.engine.type != "OpenAI" or key is None:
            return
        try:
            await self._secrets.value(workload.namespace, key.name, key.key)
        except Lasting as error:
            reconciliation.worker_problem = reconciliation.problem(error)

    async def _look_at_pods(self, reconciliation: Reconciliation, workload: Workload) -> None:
        found = facts.workers(reconciliation.deployment)
        if found is None:
            return
        took = reconciliation.memory.wakes.observe(found.replicas, reconciliation.stats, now=reconciliation.now)
        if took is not None:
            await self._queues.note_start(Key(workload.namespace, workload.name), took)
        if reconciliation.memory.waking_since is not None:
            reconciliation.again_in(pace(reconciliation.memory.waking_since, reconciliation.now))
        await self._pod_checks.check(reconciliation, workload, found)

    async def _address(self, workload: Workload) -> RedisAddress:
        redis, namespace = workload.queue.redis, workload.namespace
        password, ca = redis.password_secret_ref, redis.ca_secret_ref
        return RedisAddress(
            host=redis_host(workload, self._install),
            port=redis.port,
            database=redis.database,
            username=redis.username,
            password=await self._secrets.value(namespace, password.name, password.key) if password else None,
            tls=redis.tls,
            ca=await self._secrets.value(namespace, ca.name, ca.key) if ca else None,
        )

    # Telling.

    async def _tell(self, key: Key, reconciliation: Reconciliation) -> float | None:
        facts, before = reconciliation.facts(), reconciliation.body.get("status", {})
        model = reconciliation.workload.engine.model if reconciliation.workload else None
        after = status(facts, before, model=model)
        wait = wait_before_writing(before, after, now=reconciliation.now)
        if wait == 0:
            written = await self._cluster.patch_status(*key, patch(before, after))
            self._cache.put_workload(written)
            await self._tell_change(reconciliation.body, before, facts)
        elif wait:
            reconciliation.again_in(wait)
        if reconciliation.workload:
            told = page_status(reconciliation.workload, facts, self._queues.starts(key))
            await self._queues.publish(key, told, page_resource(reconciliation, after))
            if told.asleep_at is not None:
                reconciliation.again_in(told.asleep_at - reconciliation.now + 1)  # it must not be told when it is over
            if ready(facts).status == "Unknown":
                reconciliation.again_in(UNREPORTED_SECONDS)
            if news := seconds_of_news(reconciliation.stats, now=reconciliation.now):
                reconciliation.again_in(news + 1)  # nobody withdraws it where no worker is left
        return reconciliation.again

    async def _tell_least(self, key: Key, reconciliation: Reconciliation, error: Exception) -> None:
        """Write the smallest status that says why the whole one could not be written."""
        if isinstance(error, Passing):
            return  # the API server takes no status at all just now
        problem = reconciliation.memory.failure = failure_of(error)
        body = self._cache.workloads.get(key, reconciliation.body)
        least = least_status(
            body.get("status", {}), problem, generation=reconciliation.generation, now=reconciliation.now
        )
        if least:
            self._cache.put_workload(await self._cluster.patch_status(*key, least))
            await self._events.post(body, kind="Warning", reason=problem.reason, message=problem.message)

    async def _tell_change(self, body: Body, before: Body, facts: Facts) -> None:
        """Post an event when `Ready` is lost, or comes back; a new workload that is well needs none."""
        now = ready(facts)
        was = next((told for told in before.get("conditions", []) if told["type"] == "Ready"), None)
        if now.status == "False" and (was is None or (was["status"], was["reason"]) != (now.status, now.reason)):
            kind: Literal["Normal", "Warning"] = "Normal" if now.reason == "Suspended" else "Warning"
            await self._events.post(body, kind=kind, reason=now.reason, message=now.message)
        elif now.status == "True" and was and was["status"] == "False":
            await self._events.post(body, kind="Normal", reason="Ready", message=now.message)

    async def _report_drift(self, key: Key, reason: str, message: str) -> None:
        body = self._cache.workloads.get(key)
        if body:
            await self._events.post(body, kind="Normal", reason=reason, message=message)


def _present(child: Body | None, uid: str) -> Body | None:
    """Return a child of this very workload that is not being deleted."""
    metadata = child["metadata"] if child else {}
    is_own = any(owner["uid"] == uid for owner in metadata.get("ownerReferences", []))
    return child if is_own and not metadata.get("deletionTimestamp") else None
