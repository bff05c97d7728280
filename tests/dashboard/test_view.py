"""What the page says of a workload and of a job, as tables."""

from typing import Any

import msgspec
import pytest

from greenscale_dashboard.view import describe, moments, waits_for
from greenscale_dashboard.words import LOOKS, UNKNOWN
from greenscale_jobs import Job, JobError, JobState, Stats, WorkloadStatus

DASH = "\N{EN DASH}"


def told(**parts: Any) -> WorkloadStatus:
    """What was told of a workload at second 1000."""
    status = WorkloadStatus(
        namespace="default",
        name="assistant",
        list_name="jobs",
        state="ScaledToZero",
        message="The condition's own sentence.",
        replicas=0,
        max_replicas=4,
        engine="Echo",
        model=None,
        queue={},
        sampled_at=1000,
    )
    return msgspec.structs.replace(status, **parts)


def stats(pending: int = 0, in_flight: int = 0, *, fault: str | None = None) -> Stats:
    return Stats(pending, in_flight, delayed=0, dead=0, fault=fault)


def job(state: JobState, **parts: Any) -> Job:
    return Job("j", state, "hi", **{"submitted_at": 1000.0, **parts})


@pytest.mark.parametrize(
    ("status", "queue", "sentence"),
    [
        pytest.param(
            told(state="ScaledToZero"), stats(), "Nothing runs, nothing costs. A prompt wakes it.", id="asleep"
        ),
        pytest.param(
            told(state="ScaledToZero", usual_wake_seconds=11.8),
            stats(),
            "Nothing runs, nothing costs. A prompt wakes it in about 12 s.",
            id="asleep, and it woke before",
        ),
        pytest.param(told(state="Waking", waking_since=995), stats(1), "Waking for 7.0 s.", id="waking"),
        pytest.param(
            told(state="Waking", waking_since=995, usual_wake_seconds=12),
            stats(1),
            "Waking for 7.0 s, usually 12 s.",
            id="waking, and it woke before",
        ),
        pytest.param(
            told(state="Waking"), stats(1), "The condition's own sentence.", id="waking is near, nothing began"
        ),
        pytest.param(
            told(state="Active", replicas=2, queue={"pending": 99, "inFlight": 99}),
            stats(5, 3),
            "3 running, 5 waiting, 2 of 4 workers.",
            id="working, by the numbers of now",
        ),
        pytest.param(
            told(state="Active", replicas=1),
            stats(),
            "Idle, 1 of 4 workers.",
            id="awake with nothing to do",
        ),
        pytest.param(
            told(state="CoolingDown", replicas=1, asleep_at=1044),
            stats(),
            "Idle. Asleep again in 42 s.",
            id="cooling down",
        ),
        pytest.param(
            told(state="CoolingDown", replicas=1, asleep_at=1001),
            stats(),
            "Idle. Asleep again in 0 s.",
            id="cooling down, a moment late",
        ),
        pytest.param(
            told(state="CoolingDown", replicas=1), stats(), "The condition's own sentence.", id="cooling down, no end"
        ),
        pytest.param(told(state="Suspended"), stats(2), "The condition's own sentence.", id="suspended"),
        pytest.param(told(state="Degraded"), stats(2), "The condition's own sentence.", id="degraded"),
    ],
)
def test_what_is_said_of_each_state(status: WorkloadStatus, queue: Stats, sentence: str) -> None:
    assert describe(status, queue, now=1002) == (LOOKS[status.state], sentence)


@pytest.mark.parametrize(
    ("status", "queue", "sentence"),
    [
        pytest.param(
            None, stats(1), "A bare queue: nobody scales it, so its workers are not counted.", id="nobody tells"
        ),
        pytest.param(
            None,
            stats(1, fault="The key is refused."),
            "A bare queue: nobody scales it, so its workers are not counted. A worker says: The key is refused.",
            id="nobody tells, but a worker",
        ),
        pytest.param(
            told(state="Active", sampled_at=900),
            stats(),
            "Nobody has told of it for 102 s. The last that was heard: working.",
            id="an old status",
        ),
        pytest.param(
            told(state="Degraded", sampled_at=900),
            stats(),
            "Nobody has told of it for 102 s. The last that was heard: needs you.",
            id="an old status of trouble",
        ),
        pytest.param(
            told(state="Levitating", sampled_at=900),
            stats(),
            "Nobody has told of it for 102 s. The last that was heard: not known.",
            id="an old status in a word of the future",
        ),
        pytest.param(
            told(state="Levitating"), stats(), "The condition's own sentence.", id="an operator newer than the page"
        ),
    ],
)
def test_what_is_said_where_the_state_is_not_known(status: WorkloadStatus | None, queue: Stats, sentence: str) -> None:
    assert describe(status, queue, now=1002) == (UNKNOWN, sentence)


def test_a_status_is_believed_for_half_a_minute() -> None:
    looks = [describe(told(), stats(), now=now)[0] for now in (1030, 1030.1)]

    assert looks == [LOOKS["ScaledToZero"], UNKNOWN]


@pytest.mark.parametrize(
    ("seen", "first_token_at", "expected"),
    [
        pytest.param(job(JobState.WAITING), None, [("sent", "")], id="waiting"),
        pytest.param(
            job(JobState.RUNNING, claimed_at=1012.0), None, [("sent", ""), ("claimed", "12 s")], id="no word yet"
        ),
        pytest.param(
            job(JobState.RUNNING, claimed_at=1012.0),
            1012.6,
            [("sent", ""), ("claimed", "12 s"), ("first words", "0.6 s")],
            id="answers",
        ),
        pytest.param(
            job(JobState.DONE, claimed_at=1012.0, finished_at=1016.0),
            1013.0,
            [("sent", ""), ("claimed", "12 s"), ("first words", "1.0 s"), ("done", "3.0 s")],
            id="done",
        ),
        pytest.param(
            job(JobState.DONE, claimed_at=1012.0, finished_at=1016.0),
            1011.0,
            [("sent", ""), ("claimed", "12 s"), ("done", "4.0 s")],
            id="first words of an attempt before",
        ),
        pytest.param(
            job(JobState.DEAD, claimed_at=1001.0, finished_at=1002.0),
            None,
            [("sent", ""), ("claimed", "1.0 s"), ("failed", "1.0 s")],
            id="failed",
        ),
        pytest.param(
            job(JobState.CANCELLED, finished_at=1002.0),
            None,
            [("sent", ""), ("cancelled", "2.0 s")],
            id="cancelled before it ran",
        ),
        pytest.param(
            job(JobState.RUNNING, submitted_at=None, claimed_at=1012.0),
            None,
            [("sent", ""), ("claimed", DASH)],
            id="pushed by another client",
        ),
    ],
)
def test_a_jobs_moments(seen: Job, first_token_at: float | None, expected: list[tuple[str, str]]) -> None:
    assert moments(seen, first_token_at) == tuple(expected)


FAILED = (JobError("RateLimited", "the API asks for patience"),)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(job(JobState.WAITING, ahead=0), "Waiting for 20 s; it is the next.", id="next"),
        pytest.param(job(JobState.WAITING, ahead=3), "Waiting for 20 s; 3 before it.", id="not yet"),
        pytest.param(
            job(JobState.WAITING, submitted_at=None, ahead=3),
            "Waiting; 3 before it.",
            id="pushed by another client",
        ),
        pytest.param(job(JobState.RUNNING, claimed_at=1018.0), "Running for 2.0 s.", id="runs"),
        pytest.param(job(JobState.RUNNING, claimed_at=1018.0, cancelling=True), "Being cancelled.", id="cancelling"),
        pytest.param(
            job(JobState.DELAYED, due_at=1024.0, errors=FAILED),
            "The attempt failed: the API asks for patience. Next try in 4.0 s.",
            id="a retry, and why",
        ),
        pytest.param(job(JobState.DELAYED, due_at=1024.0), "Sent for later: due in 4.0 s.", id="for later"),
        pytest.param(
            job(JobState.DELAYED, due_at=1019.0, attempts=1),
            "The attempt failed. Next try in 0.0 s.",
            id="a retry that is due",
        ),
        pytest.param(job(JobState.DONE), "", id="done"),
        pytest.param(job(JobState.DEAD), "", id="dead"),
        pytest.param(job(JobState.CANCELLED), "", id="cancelled"),
    ],
)
def test_what_a_job_waits_for(seen: Job, expected: str) -> None:
    assert waits_for(seen, now=1020) == expected
