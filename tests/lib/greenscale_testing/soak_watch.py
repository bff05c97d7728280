"""The soak's eyes: what became of each job, and whether it ought to."""

from collections.abc import Sequence
from functools import partial

from greenscale_jobs import Event, Job, JobError, JobQueue, JobState
from greenscale_testing.soak_chaos import Chaos
from greenscale_testing.soak_load import Ledger, insist

MOST = 2000
"""Jobs that have ended and not expired yet: more than there are."""

ROUNDED_SECONDS = 0.002
"""An error's time is rounded to milliseconds, an event's is cut off."""


class Watch:
    """Looks at what has ended, before it expires, and enters it into the ledger."""

    def __init__(self, queue: JobQueue, ledger: Ledger, chaos: Chaos, *, lease_seconds: float) -> None:
        self._queue, self._ledger, self._chaos, self._lease_seconds = queue, ledger, chaos, lease_seconds

    async def note_ended(self) -> None:
        """Enter the jobs that have ended since; one that ends a second time is wrong."""
        page = await insist(lambda: self._queue.jobs(JobState.DONE, limit=MOST))
        for job in page.jobs:
            if job.id not in self._ledger.ended:
                self._enter(job, await insist(partial(self._events, job.id)))
            elif self._ledger.ended[job.id] != job.state:
                self._ledger.wrong.append(f"{job.id} was {self._ledger.ended[job.id]} and is {job.state}")

    async def _events(self, job_id: str) -> list[Event]:
        return [event async for event in self._queue.events(job_id)]

    def _enter(self, job: Job, events: Sequence[Event]) -> None:
        ledger = self._ledger
        ledger.ended[job.id] = job.state
        ledger.pushed.discard(job.prompt or "")
        kind = ledger.kinds.setdefault(job.id, "pushed bare")
        if job.state is JobState.DONE and job.result != job.prompt:
            ledger.wrong.append(f"{job.id} has another's result")
        if job.state is JobState.CANCELLED and kind != "cancelled":
            ledger.wrong.append(f"{job.id} is cancelled, and nobody asked for it")
        self._look_at_starts(job, [event for event in events if event.type != "delta"])

    def _look_at_starts(self, job: Job, events: Sequence[Event]) -> None:
        """Count what happened to it, and look whether a start came while the worker before was alive."""
        ledger = self._ledger
        ledger.counts.update(event.type for event in events)
        ledger.counts.update(f"an attempt ended: {error.reason}" for error in job.errors)
        ends = [event.type for event in events if event.type in {"done", "cancelled"}]
        if ends != [job.state]:
            ledger.wrong.append(f"{job.id} is {job.state} and ended as {ends}")
        holder = ""
        for event in events:
            if event.type == "claimed":
                if holder:
                    ledger.wrong.append(f"{job.id} was started twice, and nobody had given it back")
                holder = event.text
            elif event.type in {"waiting", "delayed"}:
                holder = ""
        for error in job.errors:
            claim, at = claim_of(error, events), error.at or 0
            worker = claim.text if claim else ""
            if error.reason != "WorkerLost" or not self._chaos.was_alive(worker, at):
                continue
            if claim is None or not self._chaos.has_started(worker, job.id, after=claim.at, before=at):
                ledger.counts["a claim whose answer died with Redis"] += 1
                continue
            # A busy machine starts it late.
            away = self._chaos.away_seconds(at, lease_seconds=self._lease_seconds)
            if away > self._lease_seconds / 2:
                ledger.counts["a lease that ended while Redis was away"] += 1
                continue
            ledger.wrong.append(
                f"{job.id} was taken from {worker}, which was alive, at {at}; Redis was away {away:.1f} s"
            )


def claim_of(error: JobError, events: Sequence[Event]) -> Event | None:
    """Return the claim that ended so: the last before the event of its end.

    Attempts that cost nothing have the same number, and the next claim may come in the same millisecond.
    """
    ended = (error.at or 0) - ROUNDED_SECONDS
    end = next((n for n, event in enumerate(events) if event.type != "claimed" and event.at >= ended), len(events))
    claims = [event for event in events[:end] if event.type == "claimed"]
    return claims[-1] if claims else None
