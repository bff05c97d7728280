"""What the page shows, as plain values: the only module of the page that reads or writes the queue."""

import dataclasses
import itertools
import time

from greenscale_dashboard.words import LOOKS, UNKNOWN, Look, seconds, sentence
from greenscale_jobs import STATUS_STALE_SECONDS, Job, JobClient, JobState, RedisAddress, Stats, WorkloadStatus


@dataclasses.dataclass(frozen=True)
class Workload:
    """One workload as the page shows it."""

    name: str
    list_name: str
    look: Look
    sentence: str
    waiting: int
    running: int
    replicas: str
    """`1 of 4`, or a dash where nobody measures it."""
    dead: int


def workload_names(address: RedisAddress, default_list: str) -> dict[str, str]:
    """Return name -> list of all workloads; where none is known, the default list alone."""
    with JobClient(address) as client:
        known = client.workloads()
    names = [told.name for told in known]
    unique = {told.name if names.count(told.name) == 1 else f"{told.namespace}/{told.name}": told for told in known}
    return {name: told.list_name for name, told in unique.items()} or {default_list: default_list}


def workload(client: JobClient, name: str) -> Workload:
    """Return what a workload does now."""
    stats = client.stats()
    told = next((told for told in client.workloads() if told.list_name == client.keys.list_name), None)
    look, sentence = describe(told, stats, now=time.time())
    fresh = told is not None and look is not UNKNOWN
    return Workload(
        name=name,
        list_name=client.keys.list_name,
        look=look,
        sentence=sentence,
        waiting=stats.pending,
        running=stats.in_flight,
        replicas=f"{told.replicas} of {told.max_replicas}" if told and fresh else seconds(None),
        dead=stats.dead,
    )


def describe(told: WorkloadStatus | None, stats: Stats, *, now: float) -> tuple[Look, str]:
    """Return how a workload looks and what is said of it. Pure."""
    if told is None:
        fault = f" A worker says: {stats.fault}" if stats.fault else ""
        return UNKNOWN, f"A bare queue: nobody scales it, so its workers are not counted.{fault}"
    look = LOOKS.get(told.state, UNKNOWN)
    age = now - told.sampled_at
    if age > STATUS_STALE_SECONDS:
        return UNKNOWN, f"Nobody has told of it for {seconds(age)}. The last that was heard: {look.word.lower()}."
    return look, _sentence(told, stats, now=now)


def _sentence(told: WorkloadStatus, stats: Stats, *, now: float) -> str:
    """Return what is said of a state, with the numbers of now and not of the last status."""
    usual = seconds(told.usual_wake_seconds) if told.usual_wake_seconds else None
    match told.state:
        case "ScaledToZero":
            return f"Nothing runs, nothing costs. A prompt wakes it{f' in about {usual}' if usual else ''}."
        case "Waking" if told.waking_since:
            return f"Waking for {seconds(now - told.waking_since)}{f', usually {usual}' if usual else ''}."
        case "Active":
            return told.at_work(stats) if stats.work else f"Idle, {told.replicas} of {told.max_replicas} workers."
        case "CoolingDown" if told.asleep_at:
            return f"Idle. Asleep again in {max(0.0, told.asleep_at - now):.0f} s."
        case _:
            return told.message


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
