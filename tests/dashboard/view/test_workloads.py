"""How the page shows workloads."""

from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
import redis
import streamlit as st

from greenscale_dashboard.formatting import STATE_STYLES, UNKNOWN, StateStyle
from greenscale_dashboard.view.workloads import Workload, describe, remedy, summary, workload, workload_names
from greenscale_jobs import JobClient, JobQueue, RedisAddress, Stats, WorkloadStatus
from greenscale_jobs.workloads import Kept, Problem
from greenscale_testing.board import publish
from greenscale_testing.local_redis import Clock

DASH = "\N{EN DASH}"


def reported(**parts: Any) -> WorkloadStatus:
    """Return the status of a workload at second 1000."""
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
        reason="WhateverItIs",
    )
    return msgspec.structs.replace(status, **parts)


def stats(pending: int = 0, in_flight: int = 0, *, fault: str | None = None) -> Stats:
    return Stats(pending, in_flight, delayed=0, dead=0, fault=fault)


replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("status", "queue", "sentence"),
    [
        pytest.param(
            reported(state="ScaledToZero"), stats(), "Nothing runs, nothing costs. A prompt wakes it.", id="asleep"
        ),
        pytest.param(
            reported(state="ScaledToZero", usual_wake_seconds=11.8, wakes=20),
            stats(),
            "Nothing runs, nothing costs. A prompt wakes it in about 12 s (median of the last 20 starts).",
            id="asleep, and it woke before",
        ),
        pytest.param(
            reported(state="ScaledToZero", usual_wake_seconds=11.8, wakes=1),
            stats(),
            "Nothing runs, nothing costs. A prompt wakes it in about 12 s (the one start so far).",
            id="asleep, and it woke once",
        ),
        pytest.param(
            reported(state="Waking", waking_since=995),
            stats(1),
            "Waking for 7.0 s; 1 job waiting: a worker is being started.",
            id="waking",
        ),
        pytest.param(
            reported(state="Waking", waking_since=995, usual_wake_seconds=12),
            stats(1),
            "Waking for 7.0 s, usually 12 s; 1 job waiting: a worker is being started.",
            id="waking, and it woke before",
        ),
        pytest.param(
            reported(state="Waking", stage="waiting for a node"),
            stats(1),
            "1 job waiting: waiting for a node.",
            id="waking is near, nothing began",
        ),
        pytest.param(
            reported(state="Active", replicas=2, queue={"pending": 99, "inFlight": 99}),
            stats(5, 3),
            "3 running, 5 waiting, 2 of 4 workers.",
            id="working, by the numbers of now",
        ),
        pytest.param(
            reported(state="Active", replicas=1, queue={"pending": 0, "inFlight": 1}),
            stats(),
            "Idle, 1 of 4 workers.",
            id="its last job has just ended",
        ),
        pytest.param(
            reported(state="Active", replicas=1, kept=Kept(1)),
            stats(),
            "Idle; the minimum of 1 worker is kept.",
            id="kept with nothing to do",
        ),
        pytest.param(
            reported(state="CoolingDown", replicas=1, asleep_at=1044),
            stats(),
            "Idle. Asleep again in 42 s.",
            id="cooling down",
        ),
        pytest.param(
            reported(state="CoolingDown", replicas=1, asleep_at=1001),
            stats(),
            "Idle. Asleep again in 0 s.",
            id="cooling down, a moment late",
        ),
        pytest.param(
            reported(state="CoolingDown", replicas=1),
            stats(),
            "Idle; the workers stop when the cooldown is over.",
            id="cooling down, no end",
        ),
        pytest.param(
            reported(state="Suspended"),
            stats(2, 1),
            "Takes prompts, claims none; 1 job still running.",
            id="suspended, by the numbers of now",
        ),
        pytest.param(
            reported(state="Degraded", problem=Problem("Away", "Nobody answers.")),
            stats(2),
            "Nobody answers.",
            id="degraded",
        ),
        pytest.param(
            reported(state="Suspended", reason=""),
            stats(2),
            "The condition's own sentence.",
            id="a former operator's status",
        ),
    ],
)
def test_what_is_said_of_each_state(status: WorkloadStatus, queue: Stats, sentence: str) -> None:
    assert describe(status, queue, now=1002) == (STATE_STYLES[status.state], sentence)


@pytest.mark.parametrize(
    ("status", "queue", "sentence"),
    [
        pytest.param(
            None,
            stats(1),
            "Queue without a workload: not autoscaled, so its workers are not counted.",
            id="no status",
        ),
        pytest.param(
            None,
            stats(1, fault="The key is refused."),
            "Queue without a workload: not autoscaled, so its workers are not counted. "
            "A worker reports: The key is refused.",
            id="no status, but a worker reports",
        ),
        pytest.param(
            reported(state="Active", sampled_at=900),
            stats(),
            "No report for 102 s; last state: working.",
            id="an old status",
        ),
        pytest.param(
            reported(state="Degraded", sampled_at=900),
            stats(),
            "No report for 102 s; last state: needs attention.",
            id="an old status of trouble",
        ),
        pytest.param(
            reported(state="Levitating", sampled_at=900),
            stats(),
            "No report for 102 s; last state: unknown.",
            id="an old status in a word of the future",
        ),
        pytest.param(
            reported(state="Levitating"), stats(), "The condition's own sentence.", id="an operator newer than the page"
        ),
    ],
)
def test_what_is_said_where_the_state_is_not_known(status: WorkloadStatus | None, queue: Stats, sentence: str) -> None:
    assert describe(status, queue, now=1002) == (UNKNOWN, sentence)


def test_a_status_is_believed_for_half_a_minute() -> None:
    styles = [describe(reported(), stats(), now=now)[0] for now in (1030, 1030.1)]

    assert styles == [STATE_STYLES["ScaledToZero"], UNKNOWN]


@pytest.mark.parametrize(
    ("written", "expected"),
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
    written: list[dict[str, str]],
    expected: dict[str, str],
) -> None:
    for parts in written:
        await publish(queue, replace(status, **parts))

    assert workload_names(address, "fallback") == expected


async def test_a_workloads_numbers_are_those_of_now(client: JobClient, queue: JobQueue, status: WorkloadStatus) -> None:
    await publish(queue, replace(status, state="Active", replicas=1))
    for prompt in ("runs", "dies", "waits"):
        await queue.submit(prompt)
    claims = await queue.claim("w", 2) or []
    await queue.bury(claims[1], "Broken", "it broke")

    assert workload(client.address, "shown as", "jobs") == Workload(
        name="shown as",
        list_name="jobs",
        style=STATE_STYLES["Active"],
        sentence="1 running, 1 waiting, 1 of 4 workers.",
        waiting=1,
        running=1,
        replicas="1 of 4",
        dead=1,
        oldest_seconds=ANY,
    )


async def test_workers_without_a_fresh_report_are_not_counted(
    client: JobClient, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, replace(status, replicas=3, sampled_at=status.sampled_at - 60))
    stale = workload(client.address, "w", "jobs")

    assert (stale.style, stale.replicas) == (UNKNOWN, DASH)


def make_workload(
    style: StateStyle, name: str = "w", *, dead: int = 0, waiting: int = 0, oldest: float | None = None
) -> Workload:
    return Workload(name, name, style, "", waiting, 0, DASH, dead, oldest_seconds=oldest)


def test_what_needs_a_person_comes_first_then_what_works_then_what_sleeps() -> None:
    states = ["ScaledToZero", "Suspended", "CoolingDown", "Active", "Waking", "Degraded"]
    given = [
        *(make_workload(STATE_STYLES[state]) for state in states),
        make_workload(UNKNOWN),
        make_workload(STATE_STYLES["ScaledToZero"], "b", dead=1),
    ]
    in_order = [(one.style.word, one.dead) for one in sorted(given, key=lambda one: one.urgency)]

    assert in_order == [
        ("Needs attention", 0),
        ("Unknown", 0),
        ("Asleep", 1),
        ("Waking", 0),
        ("Working", 0),
        ("Cooling down", 0),
        ("Suspended", 0),
        ("Asleep", 0),
    ]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param(
            [make_workload(STATE_STYLES["ScaledToZero"])], "1 workload: 1 asleep; no prompt waits.", id="one asleep"
        ),
        pytest.param(
            [
                make_workload(STATE_STYLES["ScaledToZero"]),
                make_workload(STATE_STYLES["Active"], waiting=1, oldest=3.0),
                make_workload(STATE_STYLES["ScaledToZero"]),
            ],
            "3 workloads: 1 working, 2 asleep; 1 prompt waits, the oldest for 3.0 s.",
            id="one works",
        ),
        pytest.param(
            [make_workload(STATE_STYLES["Degraded"], waiting=1200), make_workload(STATE_STYLES["Degraded"])],
            "2 workloads: 2 need attention; 1,200 prompts wait.",
            id="pushed by another client: nobody knows since when",
        ),
    ],
)
def test_one_line_says_how_all_of_them_are(given: list[Workload], line: str) -> None:
    assert summary(given) == line


@pytest.mark.parametrize(
    ("style", "command"),
    [
        pytest.param(STATE_STYLES["Degraded"], "kubectl describe gsw assistant -n default", id="degraded"),
        pytest.param(UNKNOWN, "kubectl describe gsw assistant -n default", id="no status"),
        pytest.param(
            STATE_STYLES["Suspended"],
            """kubectl patch gsw assistant -n default --type=merge -p '{"spec":{"suspend":false}}'""",
            id="suspended",
        ),
        pytest.param(STATE_STYLES["Active"], "", id="nothing needs a person"),
    ],
)
def test_the_command_that_helps(style: StateStyle, command: str) -> None:
    assert remedy(reported(), style) == command


async def test_the_next_prompts_age_is_shown_where_it_was_measured(
    client: JobClient, queue: JobQueue, clock: Clock, raw: redis.Redis
) -> None:
    clock.advance(-30)
    await queue.submit("sent half a minute ago")
    aged = workload(client.address, "w", "jobs").oldest_seconds
    raw.rpush("jobs", "pushed by another client: next in line")
    st.cache_data.clear()
    unknown = workload(client.address, "w", "jobs").oldest_seconds

    assert aged == pytest.approx(30, abs=2)
    assert unknown is None
