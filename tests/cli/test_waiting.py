"""What the live line says about a job."""

from typing import Any

import msgspec
import pytest

from greenscale_cli.exits import Exit
from greenscale_cli.waiting import exit_of, waiting_for
from greenscale_jobs import Job, JobError, JobState, WorkloadStatus

NOW = 1000.0


def job(state: JobState, **known: Any) -> Job:
    return Job("j", state, "hi", **known)


@pytest.mark.parametrize(
    ("waited_for", "expected"),
    [
        pytest.param(job(JobState.WAITING, ahead=0), "next in line", id="the next one"),
        pytest.param(job(JobState.WAITING, ahead=6), "6 jobs ahead", id="behind others"),
        pytest.param(job(JobState.WAITING), "waiting", id="its place is not known"),
        pytest.param(job(JobState.RUNNING, worker="w-1", claimed_at=988.0), "running on w-1 for 12 s", id="running"),
        pytest.param(job(JobState.RUNNING, worker="w-1"), "running on w-1 for 0.0 s", id="since when is not known"),
        pytest.param(
            job(JobState.DELAYED, due_at=1030.0, errors=(JobError("Overloaded", "it answered 503"),)),
            "next try in 30 s: it answered 503",
            id="after a failure",
        ),
        pytest.param(job(JobState.DELAYED, due_at=1600.0), "due in 10 min", id="for later"),
        pytest.param(job(JobState.DELAYED), "next try in 0.0 s: the attempt failed", id="why is not known"),
        pytest.param(job(JobState.DONE), "done", id="done"),
        pytest.param(job(JobState.DEAD), "dead", id="dead"),
        pytest.param(job(JobState.CANCELLED), "cancelled", id="cancelled"),
    ],
)
def test_what_a_job_waiting_for(waited_for: Job, expected: str) -> None:
    assert waiting_for(waited_for, None, now=NOW) == expected


def test_an_answer_that_is_being_written_is_shown() -> None:
    running = job(JobState.RUNNING, worker="w-1", claimed_at=988.0)

    assert (
        waiting_for(running, None, now=NOW, streamed=70) == "running on w-1 for 12 s; streaming, 70 characters so far"
    )


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, "asleep, about to wake", id="asleep"),
        pytest.param(
            {"usual_wake_seconds": 48.0, "wakes": 8},
            "asleep, about to wake, usually 48 s (median of 8 starts)",
            id="asleep, and woke before",
        ),
        pytest.param({"state": "Waking", "waking_since": 988.0}, "waking for 12 s", id="waking for the first time"),
        pytest.param(
            {"state": "Waking", "waking_since": 997.0, "usual_wake_seconds": 48.0, "wakes": 8},
            "waking for 3.0 s, usually 48 s (median of 8 starts)",
            id="waking, as it did before",
        ),
        pytest.param(
            {"state": "Waking", "waking_since": 997.0, "usual_wake_seconds": 48.0, "wakes": 1},
            "waking for 3.0 s, usually 48 s (1 start)",
            id="waking, as it did once",
        ),
        pytest.param({"state": "Waking"}, "0 of 4 workers running", id="since when it wakes is not known"),
        pytest.param({"state": "Active", "replicas": 3}, "3 of 4 workers running", id="at work"),
        pytest.param(
            {"state": "Suspended", "message": "Takes prompts, runs none."},
            "assistant is suspended: Takes prompts, runs none.",
            id="suspended",
        ),
        pytest.param(
            {"state": "Degraded", "message": "the key is wrong"},
            "assistant is degraded: the key is wrong",
            id="degraded",
        ),
    ],
)
def test_what_the_workload_of_a_waiting_job_does(
    workload: WorkloadStatus, parts: dict[str, Any], expected: str
) -> None:
    of_the_workload = msgspec.structs.replace(workload, **parts)

    assert waiting_for(job(JobState.WAITING, ahead=0), of_the_workload, now=NOW) == f"next in line; {expected}"


@pytest.mark.parametrize(
    ("state", "expected"),
    [(JobState.DONE, Exit.DONE), (JobState.DEAD, Exit.FAILED), (JobState.CANCELLED, Exit.CANCELLED)],
)
def test_each_end_has_its_exit_status(state: JobState, expected: Exit) -> None:
    assert exit_of(job(state)) is expected
