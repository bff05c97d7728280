"""What Redis holds of a workload beside its jobs: its status, its resource, its charts' line, its starts from zero."""

import dataclasses
from collections.abc import Sequence

import msgspec

from greenscale_jobs.fleet import Fleet
from greenscale_jobs.judgement import WorkloadFacts, judge
from greenscale_jobs.queue import JobQueue
from greenscale_jobs.samples import Sample, Start, usual
from greenscale_jobs.sentences import sentence
from greenscale_jobs.workloads import Resource, Stats, WorkloadStatus


class WorkloadIdentity(msgspec.Struct, frozen=True):
    """Which workload it is."""

    namespace: str
    name: str
    list_name: str
    engine: str
    model: str | None


def workload_status(identity: WorkloadIdentity, facts: WorkloadFacts, starts: Sequence[Start]) -> WorkloadStatus:
    """Return what the board shows of a workload. Pure; `starts` are its last, newest first."""
    stats, verdict = facts.stats or Stats(0, 0, 0, 0), judge(facts)
    status = WorkloadStatus(
        namespace=identity.namespace,
        name=identity.name,
        list_name=identity.list_name,
        state=verdict.state.value,
        message="",
        replicas=verdict.replicas,
        max_replicas=facts.max_replicas,
        engine=identity.engine,
        model=identity.model,
        queue={
            "pending": stats.pending,
            "inFlight": stats.in_flight,
            "delayed": stats.delayed,
            "dead": stats.dead,
        },
        sampled_at=facts.now,
        waking_since=facts.waking_since,
        asleep_at=verdict.asleep_at,
        usual_wake_seconds=usual(starts),
        wakes=len(starts),
        reason=verdict.reason,
        stage=facts.stage,
        ending=facts.ending,
        ending_since=facts.ending_since,
        kept=facts.kept,
        problem=facts.problem,
    )
    return msgspec.structs.replace(status, message=sentence(status, stats, now=facts.now))


@dataclasses.dataclass(eq=False)
class BoardWriter:
    """Writes what the board holds of one workload. Methods raise QueueUnavailable while Redis cannot be used."""

    fleet: Fleet
    queue: JobQueue
    sample_seconds: float = 0.0
    """The charts' line gets a point at most this often."""
    status: WorkloadStatus | None = None
    """As it was published last; so is the resource."""
    resource: Resource | None = None
    starts: Sequence[Start] = ()
    """The last from zero, newest first."""
    _sampled: Sample | None = None
    """The last point of the charts' line."""

    async def read_starts(self) -> None:
        """Read what Redis remembers of starts from zero."""
        self.starts = await self.queue.starts()

    async def note_start(self, seconds: float) -> None:
        """Remember how long a start from zero took that is over now."""
        await self.queue.note_start(seconds)
        await self.read_starts()

    async def publish(self, status: WorkloadStatus, resource: Resource) -> None:
        """Show a workload to the page and the command, and what it is where that is new."""
        self.status = status
        name = f"{status.namespace}/{status.name}"
        await self.fleet.put_workloads([status], {} if resource == self.resource else {name: resource})
        self.resource = resource

    async def sample(self, stats: Stats, *, now: float) -> None:
        """Add a point to the charts' line, if anything has changed since the last."""
        if self.status is None:
            return
        sample = Sample.of(stats, replicas=self.status.replicas, at=now)
        due = self._sampled is None or now - self._sampled.at >= self.sample_seconds
        if due and sample.follows(self._sampled):
            await self.queue.sample(sample)
            self._sampled = sample

    def forget_written(self) -> None:
        """Assume that nothing is left of what was written: Redis may have come back empty."""
        self.resource = None
