"""Does for one workload what KEDA, the HPA and the kubelet do in a cluster."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from greenscale_cli.local.autoscaler import Position, ScaledObject, decide
from greenscale_cli.local.facts import workload_facts
from greenscale_cli.local.pool import WorkerPool
from greenscale_jobs import Fleet, JobQueue, QueueUnavailable, Resource, Stats, WorkloadState
from greenscale_jobs.board import BoardWriter, workload_status
from greenscale_jobs.wakes import WakeTracker
from greenscale_operator.board import identity
from greenscale_operator.workload import Workload

STATUS_SECONDS = 0.5
"""How often the workload is judged and published."""

MAINTENANCE_SECONDS = 1.0
"""At zero replicas no worker moves retries that are due."""

SAMPLE_SECONDS = 1.0
"""How often the charts' line may get a point: so it reaches back an hour even if every one differs."""


class Supervisor:
    """Polls the queue, scales the workers, publishes the status. `say` is called with each change of state."""

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
        self._board = BoardWriter(fleet, queue, sample_seconds=SAMPLE_SECONDS)
        self._position = Position(scaled.min_replicas)
        self._wakes = WakeTracker(replicas=scaled.min_replicas)
        self._knows_starts = False
        self._claims_before = 0
        self._counting = asyncio.Lock()
        """Held from reading the queue's numbers until they are observed: older ones must not come after newer ones."""
        self._state: str | None = None

    async def configure(self) -> None:
        """Write what the resource says of its queue; the next status brings the resource itself."""
        config = self._workload.queue
        await self._queue.configure(
            max_length=config.max_length, result_ttl_seconds=config.result_ttl_seconds, paused=self._workload.suspend
        )
        self._board.forget_written()

    async def run(self) -> None:
        """Supervise until cancelled; Redis may come and go, the replicas are held meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(self._scaled.polling_interval, self._poll))
            group.create_task(self._every(STATUS_SECONDS, self._publish))
            group.create_task(self._every(MAINTENANCE_SECONDS, self._maintain))

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except QueueUnavailable as error:
                self._announce(WorkloadState.DEGRADED, str(error))
            await asyncio.sleep(seconds)

    async def _poll(self) -> None:
        async with self._counting:
            stats, now = await self._queue.stats(), time.time()
            if self._workload.suspend and not stats.in_flight:
                self._position = Position(0)  # the operator pauses the ScaledObject at zero
            else:
                self._position = decide(self._scaled, self._position, work=stats.work, workers=stats.workers, now=now)
            await self._observe(stats, now)
        await self._pool.scale(self._position.replicas)

    async def _maintain(self) -> None:
        survey = await self._fleet.survey([self._queue.keys.list_name])
        if survey.unconfigured:  # a FLUSHDB took it: a suspended queue would be worked on
            await self.configure()
        await self._queue.maintain()
        await self._fleet.recover_some([self._queue.keys.list_name])

    async def _publish(self) -> None:
        async with self._counting:
            stats, now = await self._queue.stats(), time.time()
            await self._observe(stats, now)
        facts = workload_facts(
            self._scaled,
            self._position,
            stats,
            running=self._pool.running,
            crash=self._pool.crash,
            suspended=self._workload.suspend,
            waking_since=self._wakes.waking_since,
            now=now,
        )
        status = workload_status(identity(self._workload), facts, self._board.starts)
        await self._board.publish(status, self._resource)
        await self._board.sample(stats, now=now)
        self._announce(status.state, status.message)

    async def _observe(self, stats: Stats, now: float) -> None:
        """Follow starts from zero, and take note that a worker which claims does not crash."""
        if stats.claims > self._claims_before:
            self._pool.forget_crashes()
        self._claims_before = stats.claims
        if not self._knows_starts:
            await self._board.read_starts()
            self._knows_starts = True
        took = self._wakes.observe(self._position.replicas, stats, now=now)
        if took is not None:
            await self._board.note_start(took)

    def _announce(self, state: str, message: str) -> None:
        if state != self._state:
            self._state = state
            self._say(state, message)
