"""Reads a workload's pods where they matter, and only there: a workload at rest costs no request."""

from greenscale_operator import facts, pod_diagnosis
from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import Lasting
from greenscale_operator.facts import Workers
from greenscale_operator.memory import Memory
from greenscale_operator.objects import selector
from greenscale_operator.patience import Patience
from greenscale_operator.problems import CLAIM_SECONDS, idle_until, scaling_seconds
from greenscale_operator.queues import Queues
from greenscale_operator.reconciliation import PodFinding, Reconciliation, soonest
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.watch_cache import Key
from greenscale_operator.workload import Workload

FIRST_SECONDS, LAST_SECONDS, SHARE = 1.0, 10.0, 10
"""How often pods that start or end are read: after a tenth of the time they have taken, within these bounds."""

LATER_SECONDS = 15.0
"""How often those of a workload that nobody waits for are read."""


class PodChecks:
    """Reads pods, notes how long starts from zero take, and plans when to read them again."""

    def __init__(self, cluster: Cluster, queues: Queues, scaler: ScalerDriver) -> None:
        self._cluster = cluster
        self._queues = queues
        self._scaler = scaler

    async def check(self, found: Reconciliation, workload: Workload, memory: Memory) -> PodFinding:
        """Return what the pods do, if they matter now."""
        workers = facts.workers(found.objects.deployment)
        if workers is None:
            return PodFinding()
        took = memory.wakes.observe(workers.replicas, found.queue.stats, now=found.now)
        if took is not None:
            await self._queues.note_start(Key(workload.namespace, workload.name), took)
        waking = None if memory.waking_since is None else pace(memory.waking_since, found.now)
        memory.note_waiting(workers, found.queue.stats, suspended=workload.suspend, now=found.now)
        planned = soonest(waking, self._next_problem(found, workload, memory))
        doubtful = memory.pods_troubled or _is_unclaimed(memory, found.now)
        if not matter(workers, zero_at=found.body.get("status", {}).get("zeroAt"), doubtful=doubtful):
            memory.pods_troubled = False
            return PodFinding(again=planned)
        return await self._diagnose(found, workload, memory, workers, planned)

    async def _diagnose(
        self, found: Reconciliation, workload: Workload, memory: Memory, workers: Workers, planned: float | None
    ) -> PodFinding:
        now, to_zero = found.now, workers.replicas == 0
        try:
            there = await self._cluster.pods(workload.namespace, selector(workload))
        except Lasting as error:
            return PodFinding(again=soonest(planned, error.retry_seconds))
        pods = pod_diagnosis.diagnose(
            there, patience=Patience.of(workload), now=now, to_zero=to_zero, redis=found.queue.redis
        )
        if not there and not to_zero and workers.failure is None:
            pods = pod_diagnosis.none_created(memory.short_since or now, found.body["metadata"], now)
        memory.pods_troubled = pods.problem is not None
        moving_since = pods.ending_since if to_zero else memory.waking_since
        moves = pods.ending or not to_zero
        return PodFinding(pods=pods, again=soonest(planned, pace(moving_since, now) if moves else None))

    def _next_problem(self, found: Reconciliation, workload: Workload, memory: Memory) -> float | None:
        """Return in how many seconds jobs that wait, or workers that stay, become a problem."""
        unclaimed, unscaled = memory.unclaimed_since, memory.unscaled_since
        due = [
            None if unclaimed is None else unclaimed + CLAIM_SECONDS,
            None if unscaled is None else unscaled + scaling_seconds(workload.scaling.polling_interval),
            idle_until(found.facts(memory, self._scaler)),
        ]
        return soonest(*(at - found.now if at > found.now else LATER_SECONDS for at in due if at is not None))


def matter(workers: Workers, *, zero_at: str | None, doubtful: bool) -> bool:
    """Return whether the pods can tell something that the Deployment does not."""
    if workers.replicas == 0:
        # A Deployment that its controller has never acted on never had a pod.
        return workers.reported and zero_at is None
    return workers.ready < workers.replicas or doubtful


def _is_unclaimed(memory: Memory, now: float) -> bool:
    return memory.unclaimed_since is not None and now - memory.unclaimed_since >= CLAIM_SECONDS


def pace(since: float | None, now: float) -> float:
    """Return in how many seconds to read pods again that have been starting or ending since then."""
    return LATER_SECONDS if since is None else min(LAST_SECONDS, max(FIRST_SECONDS, (now - since) / SHARE))
