"""One job's progress: as tables, and read of a real queue."""

from typing import Any

import msgspec
import pytest

from greenscale_dashboard.view.progress import JobWatch, Waking, start_of, steps_of, waiting_for
from greenscale_jobs import (
    Job,
    JobClient,
    JobError,
    JobQueue,
    JobState,
    Outcome,
    Start,
    Stats,
    UnknownJob,
    WorkloadStatus,
)
from greenscale_jobs.worker_side import Finished
from greenscale_testing.board import publish
from greenscale_testing.local_redis import Clock

replace = msgspec.structs.replace

ACTIVE = WorkloadStatus("default", "w", "jobs", "Active", "", 1, 4, "Echo", None, {}, sampled_at=1018)


def a_job(state: JobState, **parts: Any) -> Job:
    return Job("j", state, "hi", **{"submitted_at": 1000.0, **parts})


RUNS, DONE = a_job(JobState.RUNNING, claimed_at=1012.0), a_job(JobState.DONE, claimed_at=1012.0, finished_at=1016.0)
OVER = Waking(11.0, 1011.8)


@pytest.mark.parametrize(
    ("job", "first_token_at", "waking", "expected"),
    [
        pytest.param(a_job(JobState.WAITING), None, None, "queued 20.0 now, first token, done", id="waits"),
        pytest.param(
            a_job(JobState.WAITING),
            None,
            Waking(7.0),
            "queued 13.0, waking 7.0 now, claimed, first token, done",
            id="wakes a worker",
        ),
        pytest.param(
            a_job(JobState.WAITING),
            None,
            Waking(70.0),
            "queued 0.0, waking 20.0 now, claimed, first token, done",
            id="sent while a worker woke",
        ),
        pytest.param(RUNS, None, None, "queued 12.0, first token 8.0 now, done", id="no word yet"),
        pytest.param(RUNS, 1012.6, None, "queued 12.0, first token 0.6, done 7.4 now", id="answers"),
        pytest.param(
            RUNS, 1012.6, OVER, "queued 0.8, waking 11.0, claimed 0.2, first token 0.6, done 7.4 now", id="was asleep"
        ),
        pytest.param(
            RUNS, None, Waking(19.0), "queued 1.0, waking 11.0, claimed 0.0, first token 8.0 now, done", id="just woke"
        ),
        pytest.param(DONE, 1013.0, None, "queued 12.0, first token 1.0, done 3.0", id="done"),
        pytest.param(
            DONE, 1013.0, OVER, "queued 0.8, waking 11.0, claimed 0.2, first token 1.0, done 3.0", id="done from asleep"
        ),
        pytest.param(
            DONE,
            1013.0,
            Waking(11.0, 1014.0),
            "queued 3.0, waking 9.0, claimed 0.0, first token 1.0, done 3.0",
            id="the end of the start was noted late",
        ),
        pytest.param(DONE, 1011.0, None, "queued 12.0, first token 0.0, done 4.0", id="first token before the claim"),
        pytest.param(DONE, None, None, "queued 12.0, done 4.0", id="done, its tokens were not read"),
        pytest.param(
            a_job(JobState.DEAD, claimed_at=1001.0, finished_at=1002.0),
            None,
            None,
            "queued 1.0, failed 1.0",
            id="failed",
        ),
        pytest.param(a_job(JobState.CANCELLED, finished_at=1002.0), None, None, "cancelled 2.0", id="never ran"),
        pytest.param(
            a_job(JobState.RUNNING, submitted_at=None, claimed_at=1012.0),
            None,
            OVER,
            "queued ?, first token 8.0 now, done",
            id="pushed by another client",
        ),
        pytest.param(
            a_job(JobState.RUNNING, claimed_at=1012.0, attempts=2),
            None,
            None,
            "queued, tried before 12.0, first token 8.0 now, done",
            id="the second attempt",
        ),
        pytest.param(
            a_job(JobState.RUNNING, submitted_at=1030.0, claimed_at=1031.0),
            None,
            Waking(5.0),
            "queued 0.0, waking 1.0, claimed 0.0, first token 0.0 now, done",
            id="our clock is behind",
        ),
        pytest.param(a_job(JobState.DELAYED), None, None, "queued, first token, done", id="for later"),
    ],
)
def test_a_jobs_steps(job: Job, first_token_at: float | None, waking: Waking | None, expected: str) -> None:
    steps = steps_of(job, first_token_at=first_token_at, waking=waking, now=1020.0)
    parts = [
        step.name
        + ("" if step.to_come else " ?" if step.seconds is None else f" {step.seconds:.1f}")
        + (" now" if step.going_on else "")
        for step in steps
    ]

    assert ", ".join(parts) == expected


@pytest.mark.parametrize(
    ("job", "starts", "expected"),
    [
        pytest.param(DONE, [Start(1012.1, 11.0)], Start(1012.1, 11.0), id="its own"),
        pytest.param(DONE, [Start(900.0, 11.0)], None, id="one long before"),
        pytest.param(DONE, [Start(1100.0, 11.0), Start(1012.0, 11.0)], Start(1012.0, 11.0), id="one long after too"),
        pytest.param(a_job(JobState.WAITING), [Start(1012.0, 11.0)], None, id="not claimed yet"),
    ],
)
def test_the_start_that_a_job_waited_for(job: Job, starts: list[Start], expected: Start | None) -> None:
    assert start_of(job, starts) == expected


FAILED = (JobError("RateLimited", "the API asks for patience"),)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(a_job(JobState.WAITING, ahead=0), "Next in line.", id="next"),
        pytest.param(a_job(JobState.WAITING, ahead=3), "3 jobs ahead.", id="not yet"),
        pytest.param(
            a_job(JobState.WAITING, submitted_at=None, ahead=3),
            "3 jobs ahead.",
            id="pushed by another client",
        ),
        pytest.param(a_job(JobState.RUNNING, claimed_at=1018.0), "Running on a worker.", id="runs"),
        pytest.param(a_job(JobState.RUNNING, claimed_at=1018.0, cancelling=True), "Being cancelled.", id="cancelling"),
        pytest.param(
            a_job(JobState.DELAYED, due_at=1024.0, errors=FAILED),
            "The attempt failed: the API asks for patience. Next try in 4.0 s.",
            id="a retry, and why",
        ),
        pytest.param(a_job(JobState.DELAYED, due_at=1024.0), "Scheduled: due in 4.0 s.", id="for later"),
        pytest.param(
            a_job(JobState.DELAYED, due_at=1019.0, attempts=1),
            "The attempt failed. Next try in 0.0 s.",
            id="a retry that is due",
        ),
        pytest.param(a_job(JobState.DONE), "", id="done"),
        pytest.param(a_job(JobState.DEAD), "", id="dead"),
        pytest.param(a_job(JobState.CANCELLED), "", id="cancelled"),
    ],
)
def test_what_a_job_waits_for(job: Job, expected: str) -> None:
    assert waiting_for(job, ACTIVE, Stats(1, 1, 0, 0), now=1020, workload_now=1020) == expected


WAITS = a_job(JobState.WAITING, ahead=0)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        pytest.param({"state": "ScaledToZero"}, "", id="it will wake in a moment"),
        pytest.param(
            {"state": "Waking", "waking_since": 1013.0, "usual_wake_seconds": 12.0},
            " Waking usually takes 12 s.",
            id="it wakes",
        ),
        pytest.param(
            {
                "state": "Waking",
                "waking_since": 990.0,
                "usual_wake_seconds": 12.0,
                "stage": "no node has a free GPU",
            },
            " Waking usually takes 12 s, but is taking longer this time: no node has a free GPU.",
            id="it takes longer than twice the usual",
        ),
        pytest.param({"state": "Suspended", "message": "Runs none."}, " Runs none.", id="suspended"),
        pytest.param({"state": "Degraded", "message": "Refused."}, " Refused.", id="degraded"),
        pytest.param({"sampled_at": 910.0}, " No report for 110 s; last state: working.", id="stale"),
    ],
)
def test_why_a_job_still_waits(parts: dict[str, Any], why: str) -> None:
    status = replace(ACTIVE, **parts)

    assert waiting_for(WAITS, status, Stats(1, 0, 0, 0), now=1020, workload_now=1020) == f"Next in line.{why}"


async def test_an_answer_grows_and_is_then_the_result(client: JobClient, queue: JobQueue) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    answers = [watch.read().answer]
    (claim,) = await queue.claim("w") or []
    for piece in ("one", " two"):
        await queue.emit([(claim, piece)])
        answers.append(watch.read().answer)
    await queue.finish([Finished(claim, "one two three", Outcome())])
    last = watch.read()

    assert answers == ["", "one", "one two"]
    assert (last.answer, last.now, [step.name for step in last.steps]) == (
        "one two three",
        "",
        ["queued", "first token", "done"],
    )


@pytest.mark.parametrize("how", ["failed", "released by a worker that ends"])
async def test_a_second_claim_restarts_the_answer(client: JobClient, queue: JobQueue, clock: Clock, how: str) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    (first,) = await queue.claim("w") or []
    await queue.emit([(first, "half an ans")])
    before = watch.read().answer
    if how == "failed":
        await queue.retry(first, "Broken", "it broke", delay_seconds=1)
        clock.advance(2)
        await queue.maintain()
    else:
        await queue.release(first)
    (second,) = await queue.claim("w") or []
    await queue.emit([(second, "the whole")])

    assert (before, watch.read().answer) == ("half an ans", "the whole")


async def test_a_waiting_job_can_be_cancelled(client: JobClient, queue: JobQueue) -> None:
    watch = JobWatch(client, await queue.submit("hi"))
    watch.cancel()
    progress = watch.read()

    assert (progress.job.state, progress.answer, progress.now) == (JobState.CANCELLED, "", "")


async def test_a_start_that_is_noted_after_the_answer_is_still_shown(
    client: JobClient, queue: JobQueue, status: WorkloadStatus
) -> None:
    """It is noted a moment after the first claim, and a short answer is faster."""
    await publish(queue, status)
    watch = JobWatch(client, await queue.submit("hi"))
    watch.read()
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "hello", Outcome())])
    before = watch.read().asleep_seconds, watch.final, watch.complete
    await queue.note_start(60)
    after = watch.read().asleep_seconds

    assert before == (None, True, False)
    assert after is not None
    assert watch.complete


def test_a_job_that_is_gone_is_waited_for_no_longer(client: JobClient) -> None:
    watch = JobWatch(client, "gone")
    with pytest.raises(UnknownJob):
        watch.read()

    assert watch.final
    assert watch.complete
