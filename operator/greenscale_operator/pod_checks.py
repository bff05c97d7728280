"""Looks at a workload's pods where they matter, and only there: a workload at rest costs no request."""

from typing import Any

from greenscale_operator import pods
from greenscale_operator.cluster import Cluster
from greenscale_operator.errors import Lasting
from greenscale_operator.faults import CLAIM_SECONDS, idle_until, look_seconds
from greenscale_operator.look import Look
from greenscale_operator.objects import selector
from greenscale_operator.observed import Workers
from greenscale_operator.patience import Patience
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

    async def check(self, look: Look, workload: Workload, workers: Workers) -> None:
        """Look at the pods, if they matter now; `look.pods` has what was found."""
        memory, now = look.memory, look.now
        memory.note_waiting(workers, look.stats, suspended=workload.suspend, now=now)
        _plan(look, workload)
        doubtful = memory.pods_troubled or _is_unclaimed(look)
        if not matter(workers, zero_at=look.body.get("status", {}).get("zeroAt"), doubtful=doubtful):
            memory.pods_troubled = False
            return
        try:
            there = await self._cluster.pods(workload.namespace, selector(workload))
        except Lasting as error:
            look.fault(error)
            return
        to_zero = workers.replicas == 0
        look.pods = pods.look(there, patience=Patience.of(workload), now=now, to_zero=to_zero, redis=look.redis)
        if not there and not to_zero and workers.failure is None:
            look.pods = pods.none_created(memory.short_since or now, look.body["metadata"], now)
        memory.pods_troubled = look.pods.fault is not None
        if look.pods.ending or not to_zero:
            look.again_in(pace(look.pods.ending_since if to_zero else memory.waking_since, now))


def matter(workers: Workers, *, zero_at: str | None, doubtful: bool) -> bool:
    """Return whether the pods can tell something that the Deployment does not."""
    if workers.replicas == 0:
        # A Deployment that its controller has never acted on never had a pod.
        return workers.reported and zero_at is None
    return workers.ready < workers.replicas or doubtful


def _is_unclaimed(look: Look) -> bool:
    since = look.memory.unclaimed_since
    return since is not None and look.now - since >= CLAIM_SECONDS


def _plan(look: Look, workload: Workload) -> None:
    """Look again when jobs that wait, or workers that stay, become a fault."""
    unclaimed, unscaled = look.memory.unclaimed_since, look.memory.unscaled_since
    due = [
        None if unclaimed is None else unclaimed + CLAIM_SECONDS,
        None if unscaled is None else unscaled + look_seconds(workload.scaling.polling_interval),
        idle_until(look.observed()),
    ]
    for at in due:
        if at is not None:
            look.again_in(at - look.now if at > look.now else LATER_SECONDS)


def pace(since: float | None, now: float) -> float:
    """Return in how many seconds to look again at what has been on the move since then."""
    return LATER_SECONDS if since is None else min(LAST_SECONDS, max(FIRST_SECONDS, (now - since) / SHARE))
