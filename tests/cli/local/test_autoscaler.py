"""What KEDA and the HPA would do, as tables."""

import dataclasses

import pytest

from greenscale_cli.local.autoscaler import Position, ScaledObject, decide
from greenscale_operator.workload import Schedule

SCALED = ScaledObject(
    list_name="jobs",
    polling_interval=2,
    cooldown_period=30,
    min_replicas=0,
    max_replicas=4,
    target=8,
    counts_workers=True,
    shrinks=True,
    stabilization_seconds=30,
)
DAY = 86_400
NIGHT = (Schedule("0 22 * * *", "0 6 * * *", 2),)


@pytest.mark.parametrize(
    ("replicas", "work", "expected"),
    [
        pytest.param(0, 0, 0, id="asleep"),
        pytest.param(0, 1, 1, id="wakes"),
        pytest.param(0, 900, 1, id="from zero to one, whatever waits"),
        pytest.param(1, 9, 2, id="rounds up"),
        pytest.param(1, 900, 4, id="never above the ceiling"),
        pytest.param(4, 1, 4, id="WhenIdle: takes none away while there is work"),
        pytest.param(2, 17, 2, id="the HPA's tolerance"),
    ],
)
def test_replicas_after_a_poll(replicas: int, work: int, expected: int) -> None:
    position = Position(replicas, last_active=95)

    assert decide(SCALED, position, work=work, workers=replicas, now=100).replicas == expected


@pytest.mark.parametrize(("idle_seconds", "expected"), [(29, 4), (30, 0)])
def test_from_many_to_zero_after_the_cooldown(idle_seconds: float, expected: int) -> None:
    position = Position(4, last_active=100, wishes=((100, 4),))

    assert decide(SCALED, position, work=0, workers=4, now=100 + idle_seconds).replicas == expected


def test_the_cooldown_begins_again_with_each_poll_that_finds_work() -> None:
    """The last job may run for an hour with an empty list: it is work."""
    position = Position(1, last_active=0)
    for now in range(0, 3600, 2):
        position = decide(SCALED, position, work=1, workers=1, now=now)

    assert position == dataclasses.replace(position, replicas=1, last_active=3598)


def test_none_is_taken_away_while_the_last_job_runs_and_the_minimum_is_returned_to() -> None:
    kept = dataclasses.replace(SCALED, min_replicas=1)
    position, replicas = Position(1), []
    for now, work in [(0, 32), (100, 1), (200, 1), (202, 0), (228, 0), (231, 0), (500, 0)]:
        position = decide(kept, position, work=work, workers=position.replicas, now=now)
        replicas.append(position.replicas)

    assert replicas == [4, 4, 4, 4, 4, 1, 1]


def test_workers_that_do_not_live_hold_no_replica() -> None:
    """Pods that wait for a node, say."""
    position = decide(SCALED, Position(4, 90, ((90, 4),)), work=9, workers=1, now=121)

    assert position.replicas == 2


def test_a_schedule_keeps_its_workers_and_is_returned_to() -> None:
    night = dataclasses.replace(SCALED, schedules=NIGHT)
    position, replicas = Position(0), []
    for hour, work in [(12, 0), (22.1, 0), (22.11, 0), (23, 32), (23.01, 0), (29.999, 0), (30, 0), (31, 0)]:
        position = decide(night, position, work=work, workers=position.replicas, now=hour * 3600)
        replicas.append(position.replicas)

    assert replicas == [0, 1, 2, 4, 2, 2, 2, 0]


def test_gradual_shrinks_to_the_most_wanted_of_late() -> None:
    gradual = dataclasses.replace(SCALED, counts_workers=False, stabilization_seconds=60, min_replicas=1)
    position, replicas = Position(1), []
    for now, work in [(0, 32), (30, 9), (61, 9), (92, 1), (160, 1), (200, 0), (300, 0)]:
        position = decide(gradual, position, work=work, workers=position.replicas, now=now)
        replicas.append(position.replicas)

    assert replicas == [4, 4, 2, 2, 1, 1, 1]
