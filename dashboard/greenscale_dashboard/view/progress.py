"""One job's progress as plain values: its answer as it grows, each step with its seconds, what it waits for.

A job's times come from Redis' clock, a workload's from its reporter's clock, `now` is ours: a difference is never shown
below zero.
"""

import dataclasses
import time

from greenscale_dashboard.formatting import UNKNOWN, counted, seconds, sentence
from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.clock import reporter_clock
from greenscale_jobs import Job, JobClient, JobState, Start, Stats, UnknownJob, WorkloadState, WorkloadStatus

LATE_FACTOR = 2.0
"""A start that takes longer than this many times the usual time is late: the page says so, and why."""

MAX_START_READS = 15
"""How often the start of a finished job is read at most: it is recorded a moment after the first claim."""

ENDS = {JobState.DONE: "done", JobState.DEAD: "failed", JobState.CANCELLED: "cancelled"}


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a job, from being queued to its end."""

    name: str
    seconds: float | None
    """None: not measured, or not begun."""
    going_on: bool = False
    to_come: bool = False


@dataclasses.dataclass(frozen=True)
class Waking:
    """A start from zero that is going on, or has ended."""

    seconds: float
    ended_at: float | None = None
    """By Redis' clock."""


@dataclasses.dataclass(frozen=True)
class JobProgress:
    """One job up to now."""

    job: Job
    steps: tuple[Step, ...]
    answer: str
    now: str
    """What it waits for, as a sentence; empty once it is final."""
    asleep_seconds: float | None
    """How much of it no worker was awake; None where one was."""

    @property
    def total_seconds(self) -> float | None:
        """How long it took from being sent to its end."""
        if self.job.finished_at is None or self.job.submitted_at is None:
            return None
        return max(0.0, self.job.finished_at - self.job.submitted_at)


class JobWatch:
    """Follows one job, reading each of its events once."""

    def __init__(self, client: JobClient, job_id: str) -> None:
        self._client = client
        self.job_id = job_id
        self._after = "0"
        self._pieces: list[str] = []
        self._first_token_at: float | None = None
        self._slept = False
        self._start: Start | None = None
        self._reads_when_final = 0
        self.final = False

    @property
    def complete(self) -> bool:
        """Whether nothing about the job will change any more."""
        found = not self._slept or self._start is not None or self._reads_when_final >= MAX_START_READS
        return self.final and found

    def read(self) -> JobProgress:
        """Read the job's new events and return its progress; raises UnknownJob."""
        self._read_events()
        try:
            job = self._client.job(self.job_id)
        except UnknownJob:
            self.final = True
            raise
        status, queue, workload_now = self._workload()
        slept_now = status is not None and status.state in {WorkloadState.SCALED_TO_ZERO, WorkloadState.WAKING}
        self._slept |= slept_now and job.state is JobState.WAITING
        if job.claimed_at and not self._start:
            self._start = start_of(job, self._client.starts())
        self.final = job.state.final
        self._reads_when_final += self.final
        now = time.time()
        waking = self._waking(status, workload_now)
        steps = steps_of(job, first_token_at=self._first_token_at, waking=waking, now=now)
        return JobProgress(
            job=job,
            steps=steps,
            answer=job.result if job.result is not None else "".join(self._pieces),
            now=waiting_for(job, status, queue, now=now, workload_now=workload_now),
            asleep_seconds=sum(step.seconds or 0 for step in steps[:2]) if waking and waking.ended_at else None,
        )

    def cancel(self) -> None:
        """Cancel the job."""
        self._client.cancel(self.job_id)

    def _read_events(self) -> None:
        for event in self._client.next_events(self.job_id, after=self._after):
            self._after = event.id
            if event.type == "claimed":  # again, if it failed or was released: the answer starts from the beginning
                self._pieces, self._first_token_at = [], None
            elif event.type == "delta":
                self._first_token_at = self._first_token_at or event.at
                self._pieces.append(event.text)

    def _workload(self) -> tuple[WorkloadStatus | None, Stats, float]:
        address, list_name = self._client.address, self._client.keys.list_name
        status, queue = workloads.status(address, list_name), workloads.stats(address, list_name)
        return status, queue, reporter_clock().now(status) if status else time.time()

    def _waking(self, status: WorkloadStatus | None, workload_now: float) -> Waking | None:
        if self._start:
            return Waking(self._start.seconds, self._start.at)
        if status and status.state == WorkloadState.WAKING and status.waking_since:
            return Waking(max(0.0, workload_now - status.waking_since))
        return None


def start_of(job: Job, starts: list[Start]) -> Start | None:
    """Return the start from zero that a job waited for; None where a worker was awake. Pure."""
    if job.submitted_at is None or job.claimed_at is None:
        return None
    for start in starts:
        if start.at - start.seconds <= job.claimed_at and start.at >= job.submitted_at:
            return start
    return None


def steps_of(job: Job, *, first_token_at: float | None, waking: Waking | None, now: float) -> tuple[Step, ...]:
    """Return a job's steps: what happened, how long each took, and what is still to come. Pure."""
    end = job.finished_at if job.state.final else None
    marks: list[tuple[str, float | None]] = []
    if waking and job.submitted_at is not None:
        awake = _between(waking.ended_at or job.claimed_at, job.submitted_at, job.claimed_at)
        begun = max(job.submitted_at, (waking.ended_at or now) - waking.seconds)
        marks += [("queued", min(begun, awake or begun)), ("waking", awake), ("claimed", job.claimed_at)]
    else:
        marks.append(("queued" if job.attempts < 2 else "queued, tried before", job.claimed_at))  # noqa: PLR2004
    if not job.state.final or first_token_at:
        marks.append(("first token", _between(first_token_at, job.claimed_at, end)))
    marks.append((ENDS.get(job.state, "done"), end))
    if job.state.final:
        marks = [mark for mark in marks if mark[1] is not None]
    return _steps(job, marks, now=now)


def _steps(job: Job, marks: list[tuple[str, float | None]], *, now: float) -> tuple[Step, ...]:
    """Turn the instants at which steps ended into their lengths; the first step without an end is going on."""
    steps: list[Step] = []
    before, going_on = job.submitted_at, job.state in {JobState.WAITING, JobState.RUNNING}
    for name, at in marks:
        if at is not None:
            steps.append(Step(name, None if before is None else max(0.0, at - before)))
            before = at
        elif going_on:
            steps.append(Step(name, None if before is None else max(0.0, now - before), going_on=True))
            going_on = False
        else:
            steps.append(Step(name, None, to_come=True))
    return tuple(steps)


def _between(at: float | None, earliest: float | None, latest: float | None) -> float | None:
    """Return an instant that another clock measured, or that was measured late, clamped between two that are known."""
    if at is None or earliest is None:
        return None
    return max(earliest, min(at, latest if latest is not None else at))


def waiting_for(job: Job, status: WorkloadStatus | None, queue: Stats, *, now: float, workload_now: float) -> str:
    """Return what a job waits for, as a sentence; empty once it is final. Pure.

    `now` is the time on our clock, `workload_now` the time on the clock of the workload's reporter.
    """
    match job.state:
        case JobState.WAITING:
            place = f"{counted(job.ahead, 'job')} ahead." if job.ahead else "Next in line."
            return f"{place} {_why_it_waits(status, queue, now=workload_now)}".strip()
        case JobState.RUNNING if job.cancelling:
            return "Being cancelled."
        case JobState.RUNNING:
            return f"Running on {job.worker or 'a worker'}."
        case JobState.DELAYED if job.due_at and not (job.attempts or job.last_failure):
            return f"Scheduled: due in {seconds(job.due_at - now)}."
        case JobState.DELAYED:
            why = f": {job.last_failure.message}" if job.last_failure else ""
            return f"{sentence('The attempt failed' + why)} Next try in {seconds((job.due_at or now) - now)}."
        case _:
            return ""


def _why_it_waits(status: WorkloadStatus | None, queue: Stats, *, now: float) -> str:
    """Return what the workload does about it; empty where its workers are simply busy."""
    style, description = workloads.describe(status, queue, now=now)
    if status is None or style is UNKNOWN or status.state in {WorkloadState.SUSPENDED, WorkloadState.DEGRADED}:
        return description
    if status.state != WorkloadState.WAKING or not status.waking_since or not status.usual_wake_seconds:
        return ""
    usual = f"Waking usually takes {seconds(status.usual_wake_seconds)}"
    if now - status.waking_since > LATE_FACTOR * status.usual_wake_seconds:
        stage = f": {status.stage}" if status.stage else ""
        return f"{usual}, but is taking longer this time{stage}."
    return f"{usual}."
