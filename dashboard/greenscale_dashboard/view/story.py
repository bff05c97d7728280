"""One job's life as plain values: its answer as it grows, what happened and when, what it waits for."""

import dataclasses
import itertools
import time

from greenscale_dashboard.words import seconds, sentence
from greenscale_jobs import Job, JobClient, JobState


@dataclasses.dataclass(frozen=True)
class Story:
    """One job's life so far."""

    job: Job
    moments: tuple[tuple[str, str], ...]
    """What happened and how long it took, in order: `("claimed", "1.4 s")`."""
    answer: str
    now: str
    """What it waits for, as a sentence; empty once it is final."""


class JobWatch:
    """Follows one job, reading each of its events once."""

    def __init__(self, client: JobClient, job_id: str) -> None:
        self._client = client
        self.job_id = job_id
        self._after = "0"
        self._pieces: list[str] = []
        self._first_token_at: float | None = None

    def look(self) -> Story:
        """Return the job's story up to now; raises UnknownJob."""
        for event in self._client.next_events(self.job_id, after=self._after):
            self._after = event.id
            if event.type == "claimed":  # again, if it failed or was handed back: the answer begins anew
                self._pieces, self._first_token_at = [], None
            elif event.type == "delta":
                self._first_token_at = self._first_token_at or event.at
                self._pieces.append(event.text)
        job = self._client.job(self.job_id)
        answer = job.result if job.result is not None else "".join(self._pieces)
        return Story(job, moments(job, self._first_token_at), answer, waits_for(job, now=time.time()))

    def cancel(self) -> None:
        """Cancel the job."""
        self._client.cancel(self.job_id)


def moments(job: Job, first_token_at: float | None) -> tuple[tuple[str, str], ...]:
    """Return what happened to a job and how long each step took. Pure.

    A step whose beginning nobody measured has a dash.
    """
    steps: list[tuple[str, float | None]] = [("sent", job.submitted_at)]
    if job.claimed_at:
        steps.append(("claimed", job.claimed_at))
    if first_token_at and job.claimed_at and first_token_at >= job.claimed_at:
        steps.append(("first words", first_token_at))
    if job.finished_at:
        steps.append(({JobState.DONE: "done", JobState.DEAD: "failed"}.get(job.state, "cancelled"), job.finished_at))
    shown = [("sent", "")]
    for (_, before), (name, at) in itertools.pairwise(steps):
        shown.append((name, seconds(at - before if at is not None and before is not None else None)))
    return tuple(shown)


def waits_for(job: Job, *, now: float) -> str:
    """Return what a job waits for, as a sentence; empty once it is final. Pure."""
    match job.state:
        case JobState.WAITING:
            since = f" for {seconds(now - job.submitted_at)}" if job.submitted_at else ""
            return f"Waiting{since}; {job.ahead} before it." if job.ahead else f"Waiting{since}; it is the next."
        case JobState.RUNNING if job.cancelling:
            return "Being cancelled."
        case JobState.RUNNING:
            return f"Running for {seconds(now - (job.claimed_at or now))}."
        case JobState.DELAYED if job.due_at and not (job.attempts or job.errors):
            return f"Sent for later: due in {seconds(job.due_at - now)}."
        case JobState.DELAYED:
            why = f": {job.error.message}" if job.error else ""
            return f"{sentence('The attempt failed' + why)} Next try in {seconds((job.due_at or now) - now)}."
        case _:
            return ""
