"""The worker's loops: claim, renew, show; and the way out. `settling` and `maintenance` have the others.

Each loop does one thing for all running jobs at once, so that the round trips to Redis do not grow with their
number. Every loop outlives Redis: what could not be said is said again once it answers.
"""

import asyncio
import contextlib
import time
from functools import partial

from greenscale_jobs import Claim, JobQueue, JobRefusedByRedis, QueueUnavailable, new_id, parse_item
from greenscale_worker.blocking_claim import BLOCK_SECONDS, FIRST_SECONDS, HAND_BACK_SECONDS, BlockingClaim
from greenscale_worker.credentials import AccessRefusals
from greenscale_worker.errors import CredentialsRefused, EngineError
from greenscale_worker.liveness import Pulse
from greenscale_worker.maintenance import Maintenance
from greenscale_worker.observe import Observer
from greenscale_worker.outage import Outage
from greenscale_worker.presence import keep_counted
from greenscale_worker.runner import Answer, Runner
from greenscale_worker.running import Interruption, Running
from greenscale_worker.settings import Settings
from greenscale_worker.settling import Settling

RENEW_SECONDS = 2.0
"""Renewals are at most this far apart, since a renewal is also how a worker learns of a cancellation."""

EMIT_SECONDS = 0.1
"""Pieces of answers are shown in bundles this far apart; the first piece at once."""

PAUSE_SECONDS = 1.0
"""How often a worker of a paused queue looks whether it goes on."""

MAX_BYTES_IN_HAND = 256 * 1024 * 1024
"""What the answers of all jobs in hand may take: beyond it nothing is claimed."""


class Worker:
    """Works on one queue with one engine until `stop` is called."""

    def __init__(
        self, settings: Settings, queue: JobQueue, runner: Runner, *, observer: Observer, pulse: Pulse
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._engine = runner
        self._observer = observer
        self._pulse = pulse
        self._refusals = AccessRefusals(settings.read_again)
        self._refused_claims = AccessRefusals(settings.read_again)
        self._outage = Outage(observer, refusals=self._refusals, pulse=pulse)
        self._running: dict[tuple[str, str], Running] = {}
        self._blocking_claim = BlockingClaim(queue, settings.worker)
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        self._busy, self._piece = asyncio.Event(), asyncio.Event()
        self._slot_freed = asyncio.Event()
        self._maintenance = Maintenance(queue, observer=observer, outage=self._outage)
        self._settling = Settling(
            settings,
            queue,
            observer=observer,
            outage=self._outage,
            on_settled=self._settled,
            on_retry=self._maintenance.soon,
            on_trouble=self._blocking_claim.call_off,
        )
        self._limit = self._settling.limit
        self._others_since_suspect = settings.concurrency
        self._bytes_in_hand = 0

    def stop(self) -> None:
        """Claim no more and finish what runs within the grace period; called again, hand it back at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._slot_freed.set()
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

    async def _work(self) -> str | None:
        """Work until stopped; returns which credentials are refused, if that is why."""
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(loop())
                for loop in (
                    self._renew_loop,
                    self._emit_loop,
                    self._settling.loop,
                    self._settling.report_loop,
                    self._maintenance.loop,
                    self._warn,
                )
            ]
            refusal = await self._claim_loop()
            await self._drain()
            for loop in loops:
                loop.cancel()
        return refusal

    # Claiming.

    async def _until_ready(self) -> None:
        """Wait for the engine, or until stopped; nothing is claimed before, so no job waits for a model to load."""
        ready, stopping = asyncio.create_task(self._engine.ready()), asyncio.create_task(self._stopping.wait())
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

    async def _claim_loop(self) -> str | None:
        """Claim until stopped, or until the credentials have been refused for too long: then returns the refusal."""
        while not self._stopping.is_set():
            self._pulse.beat()
            now = time.monotonic()
            if refusal := self._lasting_refusal(now):
                await self._settling.report_before_restart()
                self._hurry.set()
                return refusal
            free, slow = self._free_slots(), self._limit.pause_seconds(now)
            if free == 0 or slow > 0:
                await self._rest(min(BLOCK_SECONDS, slow) if slow > 0 else BLOCK_SECONDS)
                continue
            try:
                claims = await self._claim(free)
            except QueueUnavailable as error:
                self._refused_claims.note(error, now)
                self._pulse.claims_failed(str(error))
                await self._rest(self._outage.note(error))
            else:
                await self._take(claims)
        return None

    def _lasting_refusal(self, now: float) -> str | None:
        """Return why the credentials must be read again, once nothing that is in hand would be lost by it."""
        idle = not self._running and not self._settling.busy
        # Without Redis no lease is renewed: what is in hand has been given to others by then.
        if idle or self._outage.seconds(now) > self._settings.lease_seconds:
            refusal = self._refusals.lasting(now) or self._refused_claims.lasting(now)
            if refusal:
                return refusal
        return self._settling.key_refusal(now) if idle else None

    async def _claim(self, free: int) -> list[Claim] | None:
        claims = await self._blocking_claim.claim(
            free,
            seconds=BLOCK_SECONDS if self._pulse.is_claiming else FIRST_SECONDS,
            in_hand=len(self._running),
            suspect_first=self._others_since_suspect >= self._settings.concurrency,
        )
        self._refused_claims.answered()
        self._pulse.claims_answered()
        self._outage.over()
        return claims

    async def _take(self, claims: list[Claim] | None) -> None:
        if claims is None:
            await self._rest(PAUSE_SECONDS)
            return
        started = [self._start(claim) for claim in claims]
        await asyncio.sleep(0)  # the engine's requests go out before we ask for more
        if self._settling.busy or any(job.ended for job in started):
            await self._rest(BLOCK_SECONDS)  # results go first, and free slots for a larger claim

    def _free_slots(self) -> int:
        jobs = self._running.values()
        if any(job.claim.alone for job in jobs) or self._bytes_in_hand > MAX_BYTES_IN_HAND:
            return 0
        return max(0, self._limit.allowed - len(jobs))

    async def _rest(self, seconds: float) -> None:
        """Wait until a slot is freed or the worker is stopped, at most so long."""
        self._slot_freed.clear()
        if self._stopping.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await self._slot_freed.wait()
        except TimeoutError:
            pass

    def _start(self, claim: Claim) -> Running:
        job = Running(claim, on_piece=self._take_piece)
        self._running[job.key] = job
        self._others_since_suspect = 0 if claim.alone else self._others_since_suspect + 1
        self._busy.set()
        self._observer.claimed(claim)
        job.task = asyncio.create_task(self._ask(job))
        limit = asyncio.get_running_loop().call_later(
            self._settings.job_timeout_seconds, job.interrupt, Interruption.TIME_LIMIT
        )

        def ended(_: asyncio.Task[Answer]) -> None:
            limit.cancel()
            if job.interruption is not Interruption.HANDED_BACK:
                self._settling.take(job)

        job.task.add_done_callback(ended)
        return job

    def _take_piece(self, size: int) -> None:
        self._piece.set()
        self._bytes_in_hand += size
        if self._bytes_in_hand > MAX_BYTES_IN_HAND >= self._bytes_in_hand - size:
            self._blocking_claim.call_off()

    async def _ask(self, job: Running) -> Answer:
        return await self._engine.answer(parse_item(job.claim.raw, job.claim.id), job.emit)

    def _settled(self, job: Running) -> None:
        del self._running[job.key]
        self._bytes_in_hand -= job.answer_bytes
        self._slot_freed.set()

    # Holding.

    async def _renew_loop(self) -> None:
        seconds = min(RENEW_SECONDS, self._settings.lease_seconds / 3)
        while True:
            await self._busy.wait()
            await asyncio.sleep(seconds)
            jobs = list(self._running.values())
            if not jobs:
                self._busy.clear()
                continue
            standings = await self._outage.insist(partial(self._queue.renew, [job.claim for job in jobs]))
            for job, standing in zip(jobs, standings, strict=True):
                if standing == "cancel":
                    job.interrupt(Interruption.CANCELLED)
                elif standing == "lost" and job.key in self._running:
                    job.interrupt(Interruption.LOST)

    async def _emit_loop(self) -> None:
        while True:
            await self._piece.wait()
            self._piece.clear()
            unseen = [(job.claim, job.take_unseen()) for job in self._running.values() if not job.ended]
            pieces = [(claim, text) for claim, text in unseen if text]
            if pieces:
                try:
                    await self._outage.insist(partial(self._queue.emit, pieces, batch=new_id()))
                except JobRefusedByRedis as error:
                    self._observer.emit_refused(error)
                await asyncio.sleep(EMIT_SECONDS)

    async def _warn(self) -> None:
        for danger in await self._outage.insist(self._queue.dangers):
            self._observer.jobs_may_be_lost(danger)

    # The way out.

    async def _drain(self) -> None:
        self._observer.stopping(running=len(self._running), grace_seconds=self._settings.grace_seconds)
        await self._wait_until_idle(self._settings.grace_seconds, unless=self._hurry)
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await self._hand_back()
                await self._queue.maintain()  # a blocking claim may have taken a job while it was called off
        except (QueueUnavailable, TimeoutError) as error:
            self._observer.drain_incomplete(error, jobs=len(self._running))

    async def _hand_back(self) -> None:
        """Stop what runs and wait until the queue has it again, all together: so it comes back in its order."""
        interrupted = [job for job in self._running.values() if job.interrupt(Interruption.HANDED_BACK)]
        if interrupted:
            await asyncio.wait({job.task for job in interrupted if job.task})
            self._settling.take(*interrupted)
        while self._running:
            self._slot_freed.clear()
            await self._slot_freed.wait()

    async def _wait_until_idle(self, seconds: float, *, unless: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(seconds):
                while self._running and not unless.is_set():
                    self._slot_freed.clear()
                    await self._slot_freed.wait()
        except TimeoutError:
            pass
