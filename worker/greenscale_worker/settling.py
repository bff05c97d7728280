"""What becomes of a job whose engine is through with it: stored, tried again, buried or handed back.

`decide` says which; here it is carried out, and an engine that refuses everything slows the claims down.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from functools import partial

from greenscale_jobs import Claim, JobQueue, QueueUnavailable
from greenscale_worker.decide import Backoff, GiveUp, Release, Retry, decide
from greenscale_worker.errors import EngineError
from greenscale_worker.logs import Log
from greenscale_worker.outage import Outage
from greenscale_worker.running import Interruption, Running
from greenscale_worker.settings import Settings

FAULT_BACKOFF = Backoff(initial_seconds=2, longest_seconds=60)
"""How a worker slows down while its engine refuses everything: 401, 403, an unknown model."""


class Settling:
    """Tells the queue of ended jobs, those that ended together at once.

    `on_settled` is called for each when its slot is free, `on_retry` when one waits for its retry.
    """

    def __init__(
        self,
        settings: Settings,
        queue: JobQueue,
        *,
        log: Log,
        outage: Outage,
        on_settled: Callable[[Running], None],
        on_retry: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._log = log
        self._outage = outage
        self._on_settled = on_settled
        self._on_retry = on_retry
        self._backoff = Backoff(settings.backoff_initial_seconds, settings.backoff_max_seconds)
        self._ended: list[Running] = []
        self._some_ended = asyncio.Event()
        self._settling: list[Running] = []
        self._faults_in_a_row, self._claim_not_before = 0, 0.0

    @property
    def engine_refuses(self) -> bool:
        """Whether the last thing heard of the engine is that it takes no job at all."""
        return self._faults_in_a_row > 0

    @property
    def pause_seconds(self) -> float:
        """How long nothing should be claimed for the engine's sake; not positive if it may."""
        return self._claim_not_before - time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether jobs are being settled: their slots will be free in a moment."""
        return bool(self._ended or self._settling)

    def take(self, *jobs: Running) -> None:
        """Take over jobs that ended."""
        self._ended += jobs
        self._some_ended.set()

    async def loop(self) -> None:
        """Settle what is taken over, until cancelled."""
        while True:
            await self._some_ended.wait()
            self._some_ended.clear()
            self._settling, self._ended = self._ended, []
            await self._store([job for job in self._settling if job.finished_well])
            # The oldest last: what is handed back goes to the front, one before the other.
            for job in sorted(self._settling, key=lambda job: job.started_at, reverse=True):
                if not job.finished_well:
                    await self._settle_failure(job)
                self._on_settled(job)
            self._settling = []

    async def _store(self, jobs: list[Running]) -> None:
        if not jobs:
            return
        results = [job.finished() for job in jobs]
        stored = await self._outage.insist(partial(self._queue.finish, results))
        self._faults_in_a_row = 0
        for job, kept in zip(jobs, stored, strict=True):
            event = "done" if kept else "lost"
            self._log.info(event, job=job.claim.id, attempt=job.claim.attempt, seconds=round(job.seconds, 3))

    async def _settle_failure(self, job: Running) -> None:
        match job.interruption:
            case Interruption.LOST:
                self._log.warning("lost", job=job.claim.id, attempt=job.claim.attempt)
            case Interruption.CANCELLED | Interruption.HANDED_BACK:
                state = await self._outage.insist(partial(self._queue.release, job.claim))
                event = "handed back" if state == "waiting" else state
                self._log.info(event, job=job.claim.id, attempt=job.claim.attempt)
            case _:
                await self._settle_error(job.claim, job.failure(job_timeout_seconds=self._settings.job_timeout_seconds))

    async def _settle_error(self, claim: Claim, error: EngineError) -> None:
        reason, message = error.reason, error.message
        verdict = decide(
            error,
            attempt=claim.attempt,
            max_attempts=self._settings.max_attempts,
            backoff=self._backoff,
            jitter=random.random(),  # noqa: S311
        )
        state = await self._outage.insist(partial(self._carry_out, verdict, claim, reason, message))
        self._log.warning("failed", job=claim.id, attempt=claim.attempt, reason=reason, message=message, state=state)
        if isinstance(verdict, Release):
            await self._slow_down(reason, message)

    async def _carry_out(self, verdict: Retry | GiveUp | Release, claim: Claim, reason: str, message: str) -> str:
        match verdict:
            case Release():
                return await self._queue.release(claim)
            case Retry(delay_seconds):
                state = await self._queue.retry(claim, reason, message, delay_seconds=delay_seconds)
                self._on_retry()
                return state
            case GiveUp():
                return await self._queue.bury(claim, reason, message)

    async def _slow_down(self, reason: str, message: str) -> None:
        """Say that the engine refuses everything, and let nothing be claimed for a while: no attempt is lost by it."""
        if self.pause_seconds > 0:  # one of several that were refused together
            return
        self._faults_in_a_row += 1
        seconds = FAULT_BACKOFF.delay(self._faults_in_a_row, jitter=1)
        self._claim_not_before = time.monotonic() + seconds
        self._log.error("engine refuses", reason=reason, message=message, next_try_seconds=seconds)
        # Once: a Redis that is full refuses it, and results must not wait for that. The next fault is told anew.
        with contextlib.suppress(QueueUnavailable):
            await self._queue.report_fault(message)
