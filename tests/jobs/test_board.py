"""What is written of a workload beside its jobs, by the operator and by local mode."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from greenscale_jobs import Fleet, JobClient, JobQueue, RedisAddress, Resource, Stats, WorkloadStatus
from greenscale_jobs.board import BoardWriter, WorkloadIdentity, workload_status
from greenscale_jobs.judgement import WorkloadFacts, keeps
from greenscale_jobs.samples import Start
from greenscale_jobs.workloads import Kept, Problem
from greenscale_testing.board import publish

RESOURCE = Resource({"kind": "GreenScaleWorkload"})

NOW = 1000.0


def status(facts: WorkloadFacts, *starts: float) -> WorkloadStatus:
    identity = WorkloadIdentity("ns", "w", "jobs", "Echo", "a-model")
    return workload_status(identity, facts, [Start(NOW, seconds) for seconds in starts])


AWAKE = WorkloadFacts(
    now=NOW,
    stats=Stats(3, 2, 1, 4),
    replicas=2,
    max_replicas=4,
    serving=2,
    kept=Kept(1),
    problem=Problem("EngineRefuses", "The key is refused."),
)


@asynccontextmanager
async def a_board(address: RedisAddress, *, sample_seconds: float = 0.0) -> AsyncIterator[BoardWriter]:
    async with Fleet(address) as fleet, JobQueue(address) as queue:
        yield BoardWriter(fleet, queue, sample_seconds=sample_seconds)


def test_the_board_holds_what_was_judged_as_data() -> None:
    assert status(AWAKE, 3.0, 5.0) == WorkloadStatus(
        namespace="ns",
        name="w",
        list_name="jobs",
        state="Degraded",
        message="The key is refused.",
        replicas=2,
        max_replicas=4,
        engine="Echo",
        model="a-model",
        queue={"pending": 3, "inFlight": 2, "delayed": 1, "dead": 4},
        sampled_at=NOW,
        usual_wake_seconds=4.0,
        wakes=2,
        reason="EngineRefuses",
        kept=Kept(1),
        problem=Problem("EngineRefuses", "The key is refused."),
    )


@pytest.mark.parametrize(
    ("minimum", "schedule", "kept"),
    [
        pytest.param(0, None, None, id="nothing"),
        pytest.param(1, None, Kept(1), id="the minimum"),
        pytest.param(1, Kept(2, NOW), Kept(2, NOW), id="a schedule keeps more"),
        pytest.param(2, Kept(2, NOW), Kept(2), id="the minimum outlasts a schedule that keeps no more"),
        pytest.param(0, Kept(0, NOW), None, id="a schedule that keeps none"),
    ],
)
def test_what_is_kept(minimum: int, schedule: Kept | None, kept: Kept | None) -> None:
    assert keeps(minimum, schedule) == kept


async def test_the_resource_is_written_when_it_is_new_or_may_be_lost(address: RedisAddress, queue: JobQueue) -> None:
    async with a_board(address) as board:
        await board.publish(status(AWAKE), RESOURCE)
        with JobClient(address) as client:
            assert client.resource("ns", "w") == RESOURCE

            await publish(queue, resources={"ns/w": Resource({"kind": "Of another hand"})})
            await board.publish(status(AWAKE), RESOURCE)
            assert client.resource("ns", "w") != RESOURCE, "it has not changed: nothing is written"

            board.forget_written()
            await board.publish(status(AWAKE), RESOURCE)
            assert client.resource("ns", "w") == RESOURCE
            assert client.workloads() == [status(AWAKE)]


async def test_the_charts_line_gets_a_point_when_something_changes(address: RedisAddress) -> None:
    async with a_board(address, sample_seconds=1.0) as board:
        await board.sample(Stats(9, 9, 0, 0), now=NOW)  # nothing is published yet: nobody knows the workers
        await board.publish(status(AWAKE), RESOURCE)
        for at, pending in ((0.0, 3), (5.0, 3), (6.0, 4), (6.9, 5), (7.0, 6)):
            await board.sample(Stats(pending, 2, 1, 4), now=NOW + at)
    with JobClient(address) as client:
        points = [(sample.pending, sample.replicas) for sample in client.history(0)]

    assert points == [(3, 2), (4, 2), (6, 2)]


async def test_starts_are_remembered_newest_first(address: RedisAddress) -> None:
    async with a_board(address) as board:
        await board.note_start(3.0)
        await board.note_start(5.0)
    async with a_board(address) as another:
        await another.read_starts()

        assert [start.seconds for start in another.starts] == [5.0, 3.0]
        assert another.starts == board.starts
