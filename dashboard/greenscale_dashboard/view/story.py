"""One job's life as plain values: its answer as it grows, each step with its seconds, what it waits for.

A job's times are by Redis' clock, a workload's by its teller's, `now` is ours: no difference is shown below zero.
"""

import dataclasses
import time

from greenscale_dashboard.formatting import UNKNOWN, counted, seconds, sentence
from greenscale_dashboard.view.clock import tellers_clock
from greenscale_dashboard.view.workloads import describe, stats, status
from greenscale_jobs import Job, JobClient, JobState, Start, Stats, UnknownJob, WorkloadState, WorkloadStatus

LATE = 2.0
"""A start that takes so many times as long as usual is said to be late, and why."""

LOOKS_FOR_A_START = 15
"""How often a finished job's start is looked for: it is noted a moment after the first claim."""

ENDS = {JobState.DONE: "done", JobState.DEAD: "failed", JobState.CANCELLED: "cancelled"}


@dataclasses.dataclass(frozen=True)
class Step:
    """One part of a job's life."""

    name: str
    seconds: float | None
    """None: nobody measured it, or it has not begun."""
    going_on: bool = False
    to_come: bool = False


@dataclasses.dataclass(frozen=True)
class Waking:
    """A start from zero that goes on, or is over."""

    seconds: float
    ended_at: float | None = None
    """By Redis' clock."""


@dataclasses.dataclass(frozen=True)
class Story:
    """One job's life so far."""

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
        self._looks_when_final = 0
        self.final = False

    @property
    def settled(self) -> bool:
        """Whether nothing of the story will change any more."""
        found = not self._slept or self._start is not None or self._looks_when_final >= LOOKS_FOR_A_START
        return self.final and found

    def look(self) -> Story:
        """Return the job's story up to now; raises UnknownJob."""
        self._read_events()
        try:
            job = self._client.job(self.job_id)
        except UnknownJob:
            self.final = True
            raise
        told, queue, theirs = self._workload()
        slept_now = told is not None and told.state in {WorkloadState.SCALED_TO_ZERO, WorkloadState.WAKING}
        self._slept |= slept_now and job.state is JobState.WAITING
        if job.claimed_at and not self._start:
            self._start = start_of(job, self._client.starts())
        self.final = job.state.final
        self._looks_when_final += self.final
        now = time.time()
        waking = self._waking(told, theirs)
        steps = steps_of(job, first_token_at=self._first_token_at, waking=waking, now=now)
        return Story(
            job=job,
            steps=steps,
            answer=job.result if job.result is not None else "".join(self._pieces),
            now=waits_for(job, told, queue, now=now, theirs=theirs),
            asleep_seconds=sum(step.seconds or 0 for step in steps[:2]) if waking and waking.ended_at else None,
        )

    def cancel(self) -> None:
        """Cancel the job."""
        self._client.cancel(self.job_id)

    def _read_events(self) -> None:
        for event in self._client.next_events(self.job_id, after=self._after):
            self._after = event.id
            if event.type == "claimed":  # again, if it failed or was handed back: the answer begins anew
                self._pieces, self._first_token_at = [], None
            elif event.type == "delta":
                self._first_token_at = self._first_token_at or event.at
                self._pieces.append(event.text)

    def _workload(self) -> tuple[WorkloadStatus | None, Stats, float]:
        address, list_name = self._client.address, self._client.keys.list_name
        told, queue = status(address, list_name), stats(address, list_name)
        return told, queue, tellers_clock().now(told) if told else time.time()

    def _waking(self, told: WorkloadStatus | None, theirs: float) -> Waking | None:
        if self._start:
            return Waking(self._start.seconds, self._start.at)
        if told and told.state == WorkloadState.WAKING and told.waking_since:
            return Waking(max(0.0, theirs - told.waking_since))
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
    """Return what happened to a job, how long each step took, and what is to come. Pure."""
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
    """Turn the instants at which steps ended into their lengths; the first without one goes on."""
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


def _between(at: float | None, least: float | None, most: float | None) -> float | None:
    """Return an instant that another clock or a later look measured, held between two that are known."""
    if at is None or least is None:
        return None
    return max(least, min(at, most if most is not None else at))


def waits_for(job: Job, told: WorkloadStatus | None, queue: Stats, *, now: float, theirs: float) -> str:
    """Return what a job waits for, as a sentence; empty once it is final. Pure; `theirs` is the teller's time."""
    match job.state:
        case JobState.WAITING:
            place = f"{counted(job.ahead, 'prompt')} before it." if job.ahead else "It is the next."
            return f"{place} {_why_it_waits(told, queue, now=theirs)}".strip()
        case JobState.RUNNING if job.cancelling:
            return "Being cancelled."
        case JobState.RUNNING:
            return f"{job.worker or 'A worker'} works on it."
        case JobState.DELAYED if job.due_at and not (job.attempts or job.last_failure):
            return f"Sent for later: due in {seconds(job.due_at - now)}."
        case JobState.DELAYED:
            why = f": {job.last_failure.message}" if job.last_failure else ""
            return f"{sentence('The attempt failed' + why)} Next try in {seconds((job.due_at or now) - now)}."
        case _:
            return ""


def _why_it_waits(told: WorkloadStatus | None, queue: Stats, *, now: float) -> str:
    """Return what the workload does about it; empty where its workers are simply busy."""
    style, said = describe(told, queue, now=now)
    if told is None or style is UNKNOWN or told.state in {WorkloadState.SUSPENDED, WorkloadState.DEGRADED}:
        return said
    if told.state != WorkloadState.WAKING or not told.waking_since or not told.usual_wake_seconds:
        return ""
    usual = f"Waking usually takes {seconds(told.usual_wake_seconds)}"
    if now - told.waking_since > LATE * told.usual_wake_seconds:
        return f"{usual}, and this time longer{f': {told.stage}' if told.stage else ''}."
    return f"{usual}."
