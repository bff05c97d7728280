"""A worker: it waits for its engine, then claims jobs and has them answered until it is stopped.

Here its parts are put together, and a claim becomes a running job. `claiming`, `loops`, `settling`, `maintenance` and
`draining` are the parts.
"""

import asyncio
import contextlib

from greenscale_jobs import Claim, JobQueue, QueueUnavailable, parse_item
from greenscale_worker.blocking_claim import BLOCK_SECONDS, BlockingClaim
from greenscale_worker.claiming import Claiming
from greenscale_worker.credentials import AccessRefusals
from greenscale_worker.draining import drain
from greenscale_worker.errors import CredentialsRefused, EngineError
from greenscale_worker.in_hand import InHand
from greenscale_worker.liveness import Pulse
from greenscale_worker.loops import emit_loop, renew_loop, warn_of_dangers
from greenscale_worker.maintenance import Maintenance
from greenscale_worker.observe import Observer
from greenscale_worker.outage import Outage
from greenscale_worker.presence import keep_counted
from greenscale_worker.runner import Answer, Runner
from greenscale_worker.running import Interruption, Running
from greenscale_worker.settings import Settings
from greenscale_worker.settling import Settling


class Worker:
    """Works on one queue with one runner until `stop` is called."""

    def __init__(
        self, settings: Settings, queue: JobQueue, runner: Runner, *, observer: Observer, pulse: Pulse
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._runner = runner
        self._observer = observer
        self._pulse = pulse
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        self._outage = Outage(observer, refusals=AccessRefusals(settings.read_again), pulse=pulse)
        self._blocking_claim = BlockingClaim(queue, settings.worker)
        self._in_hand = InHand(on_full=self._blocking_claim.call_off)
        self._maintenance = Maintenance(queue, observer=observer, outage=self._outage)
        self._settling = Settling(
            settings,
            queue,
            observer=observer,
            outage=self._outage,
            on_settled=self._in_hand.remove,
            on_retry=self._maintenance.soon,
            on_trouble=self._blocking_claim.call_off,
        )
        self._claiming = Claiming(
            settings,
            self._blocking_claim,
            in_hand=self._in_hand,
            settling=self._settling,
            outage=self._outage,
            pulse=pulse,
            start=self._start,
            stopping=self._stopping,
        )

    def stop(self) -> None:
        """Claim no more and finish what runs within the grace period; called again, hand it back at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._in_hand.wake()
        self._blocking_claim.call_off()

    async def run(self) -> None:
        """Work until `stop`; nothing is claimed any more when it returns.

        Raises:
            EngineError: The engine never got ready.
            CredentialsRefused: It stopped by itself, since only a restart reads the key or the password again.
        """
        self._observer.started(
            queue=self._queue.keys.list_name,
            redis=self._queue.address,
            engine=self._settings.runner.engine,
            concurrency=self._settings.concurrency,
        )
        presence = asyncio.create_task(keep_counted(self._queue, self._settings.worker, self._stopping, self._observer))
        try:
            await self._until_ready()
            refusal = await self._work()
        finally:
            self._stopping.set()
            await presence
        self._observer.stopped()
        if refusal:
            raise CredentialsRefused(refusal)

    async def _until_ready(self) -> None:
        """Wait for the engine, or until stopped; nothing is claimed before, so no job waits for a model to load."""
        ready, stopping = asyncio.create_task(self._runner.ready()), asyncio.create_task(self._stopping.wait())
        while not ready.done() and not stopping.done():
            self._pulse.beat()
            await asyncio.wait({ready, stopping}, timeout=BLOCK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ready.cancel():
            try:
                ready.result()
            except EngineError as error:
                self._observer.engine_not_ready(error)
                with contextlib.suppress(QueueUnavailable):
                    await self._queue.report_fault(error.message)
                raise
            self._pulse.engine_is_ready()

    async def _work(self) -> str | None:
        """Work until stopped; returns which credentials are refused, if that is why."""
        queue, in_hand, settings = self._queue, self._in_hand, self._settings
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(loop)
                for loop in (
                    renew_loop(queue, in_hand, outage=self._outage, lease_seconds=settings.lease_seconds),
                    emit_loop(queue, in_hand, outage=self._outage, observer=self._observer),
                    self._settling.loop(),
                    self._settling.report_loop(),
                    self._maintenance.loop(),
                    warn_of_dangers(queue, outage=self._outage, observer=self._observer),
                )
            ]
            refusal = await self._claiming.loop()
            if refusal:
                self._hurry.set()
            await drain(
                queue,
                in_hand,
                settling=self._settling,
                observer=self._observer,
                grace_seconds=settings.grace_seconds,
                hurry=self._hurry,
            )
            for loop in loops:
                loop.cancel()
        return refusal

    def _start(self, claim: Claim) -> Running:
        job = Running(claim, on_piece=self._in_hand.take_piece)
        self._in_hand.add(job)
        self._observer.claimed(claim)
        job.task = asyncio.create_task(self._ask(job))
        limit = asyncio.get_running_loop().call_later(
            self._settings.job_timeout_seconds, job.interrupt, Interruption.TIME_LIMIT
        )

        def ended(_: asyncio.Task[Answer]) -> None:
            limit.cancel()
            if job.interruption is not Interruption.RELEASED:
                self._settling.take(job)

        job.task.add_done_callback(ended)
        return job

    async def _ask(self, job: Running) -> Answer:
        return await self._runner.answer(parse_item(job.claim.raw, job.claim.id), job.emit)
