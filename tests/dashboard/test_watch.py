"""What the page reads of a real queue."""

import msgspec
import pytest

from greenscale_dashboard.view.story import JobWatch
from greenscale_dashboard.view.workloads import Workload, workload, workload_names
from greenscale_dashboard.words import LOOKS, UNKNOWN
from greenscale_jobs import JobClient, JobQueue, JobState, Outcome, RedisAddress, WorkloadStatus
from greenscale_jobs.calls import Finished
from greenscale_testing.local_redis import Clock

DASH = "\N{EN DASH}"
replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([], {"fallback": "fallback"}, id="none: the default list alone"),
        pytest.param([{}, {"name": "other", "list_name": "l"}], {"assistant": "jobs", "other": "l"}, id="two"),
        pytest.param(
            [{"namespace": "a", "list_name": "l1"}, {"namespace": "b", "list_name": "l2"}, {"name": "other"}],
            {"a/assistant": "l1", "b/assistant": "l2", "other": "jobs"},
            id="one name in two namespaces",
        ),
    ],
)
async def test_the_names_of_the_workloads(
    address: RedisAddress,
    queue: JobQueue,
    status: WorkloadStatus,
    told: list[dict[str, str]],
    expected: dict[str, str],
) -> None:
    for parts in told:
        await queue.put_workload(replace(status, **parts))

    assert workload_names(address, "fallback") == expected


async def test_a_workloads_numbers_are_those_of_now(client: JobClient, queue: JobQueue, status: WorkloadStatus) -> None:
    await queue.put_workload(replace(status, state="Active", replicas=1))
    for prompt in ("runs", "dies", "waits"):
        await queue.submit(prompt)
    claims = await queue.claim("w", 2) or []
    await queue.bury(claims[1], "Broken", "it broke")

    assert workload(client.address, "shown as", "jobs") == Workload(
        name="shown as",
        list_name="jobs",
        look=LOOKS["Active"],
        sentence="1 running, 1 waiting, 1 of 4 workers.",
        waiting=1,
        running=1,
        replicas="1 of 4",
        dead=1,
    )


async def test_workers_of_which_nobody_tells_any_more_are_not_counted(
    client: JobClient, queue: JobQueue, status: WorkloadStatus
) -> None:
    await queue.put_workload(replace(status, replicas=3, sampled_at=status.sampled_at - 60))
    seen = workload(client.address, "w", "jobs")

    assert (seen.look, seen.replicas) == (UNKNOWN, DASH)


async def test_an_answer_grows_and_is_then_the_result(client: JobClient, queue: JobQueue) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    answers = [watch.look().answer]
    (claim,) = await queue.claim("w") or []
    for piece in ("one", " two"):
        await queue.emit([(claim, piece)])
        answers.append(watch.look().answer)
    await queue.finish([Finished(claim, "one two three", Outcome())])
    last = watch.look()

    assert answers == ["", "one", "one two"]
    assert (last.answer, last.now, [name for name, _ in last.moments]) == (
        "one two three",
        "",
        ["sent", "claimed", "first words", "done"],
    )


@pytest.mark.parametrize("how", ["failed", "handed back by a worker that ends"])
async def test_a_second_claim_begins_the_answer_anew(
    client: JobClient, queue: JobQueue, clock: Clock, how: str
) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    (first,) = await queue.claim("w") or []
    await queue.emit([(first, "half an ans")])
    before = watch.look().answer
    if how == "failed":
        await queue.retry(first, "Broken", "it broke", delay_seconds=1)
        clock.advance(2)
        await queue.tend()
    else:
        await queue.release(first)
    (second,) = await queue.claim("w") or []
    await queue.emit([(second, "the whole")])

    assert (before, watch.look().answer) == ("half an ans", "the whole")


async def test_a_waiting_job_can_be_cancelled(client: JobClient, queue: JobQueue) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    watch.cancel()
    story = watch.look()

    assert (story.job.state, story.answer, story.now) == (JobState.CANCELLED, "", "")
