"""Looks at a workload's pods where they matter, and only there: a workload at rest costs no request."""

from typing import Any

from greenscale_operator import pod_diagnosis
from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import Lasting
from greenscale_operator.facts import Workers
from greenscale_operator.objects import selector
from greenscale_operator.patience import Patience
from greenscale_operator.problems import CLAIM_SECONDS, idle_until, look_seconds
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.workload import Workload

Body = dict[str, Any]

FIRST_SECONDS, LAST_SECONDS, SHARE = 1.0, 10.0, 10
"""How often pods on the move are looked at: a tenth of the time they have taken, within these bounds."""

LATER_SECONDS = 15.0
"""How often those of a workload that nobody waits for are."""


class PodChecks:
    """Looks at pods, and plans when to look again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def check(self, reconciliation: Reconciliation, workload: Workload, workers: Workers) -> None:
        """Look at the pods, if they matter now; `reconciliation.pods` has what was found."""
        memory, now = reconciliation.memory, reconciliation.now
        memory.note_waiting(workers, reconciliation.stats, suspended=workload.suspend, now=now)
        _plan(reconciliation, workload)
        doubtful = memory.pods_troubled or _is_unclaimed(reconciliation)
        if not matter(workers, zero_at=reconciliation.body.get("status", {}).get("zeroAt"), doubtful=doubtful):
            memory.pods_troubled = False
            return
        try:
            there = await self._cluster.pods(workload.namespace, selector(workload))
        except Lasting as error:
            reconciliation.problem(error)
            return
        to_zero = workers.replicas == 0
        reconciliation.pods = pod_diagnosis.look(
            there, patience=Patience.of(workload), now=now, to_zero=to_zero, redis=reconciliation.redis
        )
        if not there and not to_zero and workers.failure is None:
            reconciliation.pods = pod_diagnosis.none_created(
                memory.short_since or now, reconciliation.body["metadata"], now
            )
        memory.pods_troubled = reconciliation.pods.problem is not None
        if reconciliation.pods.ending or not to_zero:
            reconciliation.again_in(pace(reconciliation.pods.ending_since if to_zero else memory.waking_since, now))


def matter(workers: Workers, *, zero_at: str | None, doubtful: bool) -> bool:
    """Return whether the pods can tell something that the Deployment does not."""
    if workers.replicas == 0:
        # A Deployment that its controller has never acted on never had a pod.
        return workers.reported and zero_at is None
    return workers.ready < workers.replicas or doubtful


def _is_unclaimed(reconciliation: Reconciliation) -> bool:
    since = reconciliation.memory.unclaimed_since
    return since is not None and reconciliation.now - since >= CLAIM_SECONDS


def _plan(reconciliation: Reconciliation, workload: Workload) -> None:
    """Look again when jobs that wait, or workers that stay, become a problem."""
    unclaimed, unscaled = reconciliation.memory.unclaimed_since, reconciliation.memory.unscaled_since
    due = [
        None if unclaimed is None else unclaimed + CLAIM_SECONDS,
        None if unscaled is None else unscaled + look_seconds(workload.scaling.polling_interval),
        idle_until(reconciliation.facts()),
    ]
    for at in due:
        if at is not None:
            reconciliation.again_in(at - reconciliation.now if at > reconciliation.now else LATER_SECONDS)


def pace(since: float | None, now: float) -> float:
    """Return in how many seconds to look again at what has been on the move since then."""
    return LATER_SECONDS if since is None else min(LAST_SECONDS, max(FIRST_SECONDS, (now - since) / SHARE))
