"""Settles jobs whose attempt has ended: their answers are stored, or they are retried, buried or released.

`retry` decides which; here it is carried out. `claim_limit` learns from each what the engine can take.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from greenscale_jobs import Claim, JobQueue, JobRefusedByRedis, QueueUnavailable
from greenscale_jobs.engine_report import FAULT_SECONDS
from greenscale_worker.backoff import NEWER_VERSION_SECONDS, Backoff
from greenscale_worker.claim_limit import ClaimLimit
from greenscale_worker.credentials import KeyRefusals
from greenscale_worker.errors import (
    Doubtful,
    EngineError,
    EngineInTrouble,
    EngineMisconfigured,
    JobRejected,
    NewerVersion,
)
from greenscale_worker.observe import Observer
from greenscale_worker.outage import Outage
from greenscale_worker.retry import (
    Doubt,
    Evidence,
    GiveUp,
    Leave,
    Lost,
    NextStep,
    Postpone,
    Retry,
    blames_engine,
    next_step,
)
from greenscale_worker.running import Interruption, Running
from greenscale_worker.settings import Settings

STORE_BYTES = 8 * 1024 * 1024
"""Answers are stored many at once, but at most this much in one script: Redis does nothing else meanwhile."""

DEGRADED_SECONDS = 30.0
"""An engine that answers nothing for this long is reported; a shorter outage needs no action."""

REPORT_SECONDS = 60.0
"""How often it is reported while it lasts."""

RESTART_SECONDS = 420.0
"""How long the report of a worker that ends for its restart holds: the kubelet may wait for 300 s of it."""

AGAIN_SECONDS = 5.0
"""How soon a report that Redis did not take is sent again."""

EARLY_SECONDS = 0.25
"""A postponed job is due a little before claims go on, so that it is the one that tries the engine."""


class Settling:
    """Gives ended jobs back to the queue, those that ended together in one call.

    `on_settled` is called for each when its slot is free, `on_retry` when one waits for its retry, `on_trouble` when
    claims must slow down.
    """

    def __init__(
        self,
        settings: Settings,
        queue: JobQueue,
        *,
        observer: Observer,
        outage: Outage,
        on_settled: Callable[[Running], None],
        on_retry: Callable[[], None],
        on_trouble: Callable[[], None],
    ) -> None:
        self.limit = ClaimLimit(settings.concurrency)
        self._key_refusals = KeyRefusals(settings.read_again)
        self._settings = settings
        self._queue = queue
        self._observer = observer
        self._outage = outage
        self._on_settled, self._on_retry, self._on_trouble = on_settled, on_retry, on_trouble
        self._backoff = Backoff(settings.backoff_initial_seconds, settings.backoff_max_seconds)
        self._ended: list[Running] = []
        self._some_ended = asyncio.Event()
        self._settling: list[Running] = []
        self._fault = ""
        self._too_old, self._too_old_until = "", float("-inf")
        self._stored = 0
        self._others_before: int | None = None
        self._trouble = asyncio.Event()

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
            for batch in batches([job for job in self._settling if job.finished_well]):
                await self._store(batch)
            # The oldest last: each released job goes to the front, before those released earlier.
            for job in sorted(self._settling, key=lambda job: job.started_at, reverse=True):
                if not job.finished_well:
                    await self._settle_failure(job)
                self._on_settled(job)
            self._settling = []
            await self._report_newer_version()

    async def report_loop(self) -> None:
        """Note in Redis that the engine answers nothing, at each refusal and regularly, until it does.

        The queue reports it once it has lasted, whichever worker is alive then. Runs until cancelled.
        """
        while True:
            await self._trouble.wait()
            self._trouble.clear()
            self._others_before = await self._answers_of_others()
            while self.limit.trouble_since is not None:
                wait = await self._report(after_seconds=DEGRADED_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait or REPORT_SECONDS):
                        await self._trouble.wait()
                self._trouble.clear()

    def key_refusal(self, now: float) -> str | None:
        """Return how the engine refuses the key, if it has done so for so long that the key should be read again."""
        return self._key_refusals.lasting(now, trouble_since=self.limit.trouble_since)

    async def report_before_restart(self) -> None:
        """Let the report outlast the time until the container runs again.

        Not where others have had answers meanwhile: they have the new key already, and nobody would withdraw it.
        """
        others, before = await self._answers_of_others(), self._others_before
        others_work = others is not None and before is not None and others > before
        if self.limit.trouble_since is not None and not others_work:
            await self._report(after_seconds=0, news_seconds=RESTART_SECONDS)

    async def _answers_of_others(self) -> int | None:
        """Return how many answers the other workers of this queue have stored; None while Redis is unavailable."""
        try:
            return (await self._queue.stats()).counters.get("done", 0) - self._stored
        except QueueUnavailable:
            return None

    async def _store(self, jobs: Sequence[Running]) -> None:
        results = [job.finished() for job in jobs]
        try:
            stored = await self._outage.insist(partial(self._queue.finish, results))
        except JobRefusedByRedis as error:
            await self._store_apart(jobs, error)
            return
        for job, kept in zip(jobs, stored, strict=True):
            self.limit.answered(job.claim.id, time.monotonic(), started_at=job.started_at)
            if kept:
                self._stored += 1
                self._observer.done(job.claim, seconds=job.seconds)
            else:
                self._observer.lost(job.claim, seconds=job.seconds)

    async def _store_apart(self, jobs: Sequence[Running], error: JobRefusedByRedis) -> None:
        """Store each separately, so that only the one that Redis refuses is buried."""
        if len(jobs) > 1:
            for job in jobs:
                await self._store([job])
            return
        await self._settle_error(jobs[0], JobRejected("AnswerRefused", f"its answer cannot be stored: {error}"))

    async def _settle_failure(self, job: Running) -> None:
        match job.interruption:
            case Interruption.LOST:
                self._observer.lost(job.claim, seconds=job.seconds)
            case Interruption.CANCELLED | Interruption.RELEASED:
                state = await self._outage.insist(partial(self._queue.release, job.claim))
                self._observer.released(job.claim, state=state)
            case _:
                await self._settle_error(job, job.failure(job_timeout_seconds=self._settings.job_timeout_seconds))

    async def _settle_error(self, job: Running, error: EngineError) -> None:
        claim, reason, message = job.claim, error.reason, error.message
        evidence = self._weigh(job, error)
        step = next_step(
            error,
            attempt=claim.attempt,
            max_attempts=self._settings.max_attempts,
            backoff=self._backoff,
            evidence=evidence,
            jitter=random.random(),  # noqa: S311
        )
        if blames_engine(error, evidence=evidence):
            self._slow_down(error)
        state = await self._outage.insist(partial(self._carry_out, step, claim, reason, message))
        self._observer.failed(claim, error, state=state)
        if state == "delayed":
            self._on_retry()
        if isinstance(error, NewerVersion):
            self._too_old, self._too_old_until = message, time.monotonic() + 2 * NEWER_VERSION_SECONDS
        if evidence.refusals >= self._settings.max_attempts and self.limit.trouble_since is not None:
            await self._report(after_seconds=0)

    def _weigh(self, job: Running, error: EngineError) -> Evidence:
        """Note a failure, and return what is known of the engine and of this job now."""
        if isinstance(error, NewerVersion):  # the engine was not asked
            return Evidence(engine_works=True)
        if isinstance(error, JobRejected):
            self.limit.responded(job.claim.id, started_at=job.started_at)
            return Evidence(engine_works=True)
        works = self.limit.failed(job.claim.id, started_at=job.started_at)
        doubtful = isinstance(error, Doubtful)
        refusals, vouched = self.limit.doubted(job.claim.id, error.reason) if doubtful else (0, False)
        return Evidence(works, refusals, vouched)

    async def _carry_out(self, step: NextStep, claim: Claim, reason: str, message: str) -> str:
        match step:
            case Retry(delay_seconds):
                return await self._queue.retry(claim, reason, message, delay_seconds=delay_seconds)
            case GiveUp():
                return await self._queue.bury(claim, reason, message)
            case Lost():
                return await self._queue.lose(claim, reason, message)
            case Doubt(delay_seconds):
                return await self._queue.postpone(claim, reason, message, delay_seconds=delay_seconds, behind=True)
            case Leave(delay_seconds):
                return await self._queue.postpone(claim, reason, message, delay_seconds=delay_seconds)
            case Postpone(behind):
                pause = max(0.0, self.limit.pause_seconds(time.monotonic()) - EARLY_SECONDS)
                return await self._queue.postpone(claim, reason, message, delay_seconds=pause, behind=behind)

    async def _report_newer_version(self) -> None:
        """Report that this worker is too old for some jobs, for as long as it meets them.

        Each stored answer withdraws the report, so it is repeated. A problem of the engine comes first.
        """
        if time.monotonic() < self._too_old_until and self.limit.trouble_since is None:
            with contextlib.suppress(QueueUnavailable):
                await self._queue.report_fault(self._too_old)

    def _slow_down(self, error: EngineError) -> None:
        """Slow claims down, so that one job at a time tries whether the engine works again."""
        now = time.monotonic()
        self._fault = error.message
        news = self.limit.troubled(
            now,
            says_so=isinstance(error, EngineInTrouble | EngineMisconfigured),
            retry_after_seconds=error.retry_after_seconds if isinstance(error, EngineInTrouble) else None,
            overloaded=isinstance(error, EngineInTrouble) and error.overloaded,
        )
        self._key_refusals.note(error, now, trouble_since=self.limit.trouble_since or now)
        if news:
            self._trouble.set()
            self._observer.engine_unavailable(error, next_try_seconds=self.limit.pause_seconds(now))
            self._on_trouble()

    async def _report(self, *, after_seconds: float, news_seconds: float = FAULT_SECONDS) -> float:
        """Return in how many seconds it should be noted again, at most."""
        # Tried once: results must not wait for it. It is repeated anyway.
        try:
            return await self._queue.report_fault(self._fault, after_seconds=after_seconds, news_seconds=news_seconds)
        except QueueUnavailable:
            return AGAIN_SECONDS


def batches(jobs: Sequence[Running]) -> Iterator[list[Running]]:
    """Yield the jobs in their order, together as long as their answers are small."""
    batch: list[Running] = []
    size = 0
    for job in jobs:
        if batch and size + job.answer_bytes > STORE_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(job)
        size += job.answer_bytes
    if batch:
        yield batch
