"""What KEDA and the HPA would do, as tables."""

import dataclasses

import pytest

from greenscale_cli.local.autoscaler import Position, ScaledObject, decide

SCALED = ScaledObject(
    list_name="jobs",
    polling_interval=2,
    cooldown_period=10,
    min_replicas=0,
    max_replicas=4,
    target=8,
    shrinks=False,
    stabilization_seconds=60,
)


@pytest.mark.parametrize(
    ("replicas", "work", "expected"),
    [
        pytest.param(0, 0, 0, id="asleep"),
        pytest.param(0, 1, 1, id="wakes"),
        pytest.param(0, 900, 1, id="from zero to one, whatever waits"),
        pytest.param(1, 9, 2, id="rounds up"),
        pytest.param(1, 900, 4, id="never above the ceiling"),
        pytest.param(4, 1, 4, id="WhenIdle: takes none away while there is work"),
    ],
)
def test_replicas_after_a_poll(replicas: int, work: int, expected: int) -> None:
    assert decide(SCALED, Position(replicas, last_active=95), work, now=100).replicas == expected


@pytest.mark.parametrize(("idle_seconds", "expected"), [(9, 4), (10, 0)])
def test_from_many_to_zero_after_the_cooldown(idle_seconds: float, expected: int) -> None:
    position = Position(4, last_active=100)

    assert decide(SCALED, position, 0, now=100 + idle_seconds).replicas == expected


def test_the_cooldown_begins_anew_with_each_poll_that_finds_work() -> None:
    """The last job may run for an hour with an empty list: it is work."""
    position = Position(1, last_active=0)
    for now in range(0, 3600, 2):
        position = decide(SCALED, position, 1, now=now)

    assert position == dataclasses.replace(position, replicas=1, last_active=3598)


def test_a_minimum_is_kept_awake_and_returned_to() -> None:
    kept = dataclasses.replace(SCALED, min_replicas=2)

    assert decide(kept, Position(2), 0, now=100).replicas == 2
    assert decide(kept, Position(4, last_active=80), 0, now=100).replicas == 2


def test_gradual_shrinks_to_the_most_wanted_of_late() -> None:
    gradual = dataclasses.replace(SCALED, shrinks=True)
    position = Position(1)
    seen = []
    for now, work in [(0, 32), (30, 9), (61, 9), (92, 1), (160, 1)]:
        position = decide(gradual, position, work, now=now)
        seen.append(position.replicas)

    assert seen == [4, 4, 2, 2, 1]
