"""Does for one workload what KEDA, the HPA and the kubelet do in a cluster."""

import asyncio
import time
from collections.abc import Callable

from greenscale_cli.local.autoscaler import Position, ScaledObject, asleep_at, decide
from greenscale_cli.local.pool import WorkerPool
from greenscale_cli.local.state import Sight, describe
from greenscale_jobs import (
    Fleet,
    JobQueue,
    QueueUnavailable,
    Resource,
    Sample,
    Start,
    Stats,
    WorkloadStatus,
    usual,
)
from greenscale_operator.schedules import who_keeps
from greenscale_operator.workload import Workload

STATUS_SECONDS = 0.5
"""How often the page and the command are told."""

MAINTENANCE_SECONDS = 1.0
"""At zero replicas nobody else moves due retries."""

SAMPLE_SECONDS = 1.0
"""How often the charts' line may get a point: so it reaches back an hour even if every one differs."""


class Supervisor:
    """Polls the queue, scales the workers, tells the page. `say` is told each change of state."""

    def __init__(
        self,
        workload: Workload,
        scaled: ScaledObject,
        queue: JobQueue,
        fleet: Fleet,
        pool: WorkerPool,
        *,
        resource: Resource,
        say: Callable[[str, str], None],
    ) -> None:
        self._workload = workload
        self._scaled = scaled
        self._queue = queue
        self._fleet = fleet
        self._pool = pool
        self._resource = resource
        self._say = say
        self._position = Position(scaled.min_replicas)
        self._waking_since: float | None = None
        self._starts: list[Start] | None = None
        """The last from zero, newest first; None until Redis was asked."""
        self._sampled: Sample | None = None
        self._claimed_before = self._claims_seen = 0
        self._state = ""

    async def settle(self) -> None:
        """Write what the resource says of its queue, and for the page what it is."""
        told = self._workload.queue
        await self._queue.configure(
            max_length=told.max_length,
            result_ttl_seconds=told.result_ttl_seconds,
            paused=self._workload.suspend,
        )
        await self._queue.put_resource(self._workload.namespace, self._workload.name, self._resource)

    async def run(self) -> None:
        """Supervise until cancelled; Redis may come and go, the replicas are held meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(self._scaled.polling_interval, self._poll))
            group.create_task(self._every(STATUS_SECONDS, self._tell))
            group.create_task(self._every(MAINTENANCE_SECONDS, self._tend))

    async def _every(self, seconds: float, act: Callable[[], object]) -> None:
        while True:
            try:
                await act()  # type: ignore[misc]
            except QueueUnavailable as error:
                self._announce("Degraded", str(error))
            await asyncio.sleep(seconds)

    async def _poll(self) -> None:
        stats = await self._queue.stats()
        now = time.time()
        before = self._position.replicas
        if self._workload.suspend and not stats.in_flight:
            self._position = Position(0)  # the operator pauses the ScaledObject at zero
        else:
            self._position = decide(self._scaled, self._position, work=stats.work, workers=stats.workers, now=now)
        if before == 0 and self._position.replicas > 0:
            self._waking_since, self._claimed_before = now, stats.claims
        await self._pool.scale(self._position.replicas)

    async def _tend(self) -> None:
        survey = await self._fleet.survey([self._queue.keys.list_name])
        if survey.unconfigured:  # a FLUSHDB took it: a suspended queue would be worked on
            await self.settle()
        await self._queue.maintain()
        await self._fleet.recover_some([self._queue.keys.list_name])

    async def _tell(self) -> None:
        stats, now = await self._queue.stats(), time.time()
        await self._note_waking(stats, now)
        state, message = describe(
            Sight(
                stats=stats,
                replicas=self._pool.running,
                wanted=self._position.replicas,
                max_replicas=self._scaled.max_replicas,
                suspended=self._workload.suspend,
                now=now,
                waking_since=self._waking_since,
                asleep_at=self._asleep_at(stats, now),
                kept_replicas=self._scaled.kept_replicas(now),
                kept=who_keeps(self._scaled.min_replicas, self._scaled.kept(now), now),
                crash=self._pool.crash,
                usual_wake_seconds=usual(self._starts or ()),
            )
        )
        sample = Sample.of(stats, replicas=self._pool.running, at=now)
        await self._queue.put_workload(self._status(stats, state, message, now))
        await self._sample(sample)
        self._announce(state, message)

    async def _sample(self, sample: Sample) -> None:
        due = self._sampled is None or sample.at - self._sampled.at >= SAMPLE_SECONDS
        if due and sample.follows(self._sampled):
            await self._queue.sample(sample)
            self._sampled = sample

    async def _note_waking(self, stats: Stats, now: float) -> None:
        if stats.claims > self._claims_seen:
            self._pool.forget_crashes()
        self._claims_seen = stats.claims
        if self._starts is None:
            self._starts = await self._queue.starts()
        if self._waking_since is None:
            return
        if stats.claims > self._claimed_before:
            took, self._waking_since = now - self._waking_since, None
            await self._queue.note_start(took)
            self._starts = await self._queue.starts()
        elif not stats.work and not self._pool.running:
            self._waking_since = None  # cancelled before a worker came

    def _asleep_at(self, stats: Stats, now: float) -> float | None:
        kept = stats.work or self._scaled.kept_replicas(now)
        return None if kept else asleep_at(self._scaled, self._position)

    def _status(self, stats: Stats, state: str, message: str, now: float) -> WorkloadStatus:
        return WorkloadStatus(
            namespace=self._workload.namespace,
            name=self._workload.name,
            list_name=self._workload.list_name,
            state=state,
            message=message,
            replicas=self._pool.running,
            max_replicas=self._scaled.max_replicas,
            engine=self._workload.engine.type,
            model=self._workload.engine.model,
            queue={
                "pending": stats.pending,
                "inFlight": stats.in_flight,
                "delayed": stats.delayed,
                "dead": stats.dead,
            },
            sampled_at=now,
            waking_since=self._waking_since,
            asleep_at=self._asleep_at(stats, now) if self._pool.running else None,
            usual_wake_seconds=usual(self._starts or ()),
            wakes=len(self._starts or ()),
        )

    def _announce(self, state: str, message: str) -> None:
        if state != self._state:
            self._state = state
            self._say(state, message)
