"""What a chart shows of the last hour."""

from typing import Any

import pytest

from greenscale_dashboard.charts import line_of_the_hour
from greenscale_dashboard.view.last_hour import LastHour, Point, from_samples, last_hour
from greenscale_jobs import JobClient, JobQueue, Sample

NOW = 7200.0


def sample(at: float, pending: int = 0, in_flight: int = 0, replicas: int = 0, done: int = 0) -> Sample:
    return Sample(at=at, pending=pending, in_flight=in_flight, replicas=replicas, done=done, dead=0, tokens=None)


def test_an_hour_asleep_is_one_span_whatever_was_sampled() -> None:
    hour = from_samples([sample(1000), sample(4000), sample(5000)], now=NOW)

    assert hour.asleep == ((3600.0, 7200.0),)
    assert hour.sentence == "The last hour: asleep for 60 min; at most 0 waiting, 0 running, 0 workers."
    assert (hour.points[0].at, hour.points[-1].at, len(hour.points)) == (3600.0, 7200.0, 121)


def test_a_peak_shorter_than_a_step_is_seen_and_sleep_stays_exact() -> None:
    hour = from_samples([sample(3000), sample(3605, 9, 2, 3), sample(3606)], now=3660.0)

    assert max(hour.points, key=lambda point: point.waiting) == Point(3600.0, 9, 2, 3)
    assert hour.asleep == ((3000.0, 3605.0), (3606.0, 3660.0))


def test_what_is_younger_than_an_hour_says_since_when() -> None:
    hour = from_samples([sample(7020, replicas=1, done=40)], now=NOW)

    assert (hour.since, hour.done_before, hour.asleep) == (7020.0, 40, ())
    assert hour.sentence == "The last 3 min: asleep for 0.0 s; at most 0 waiting, 0 running, 1 worker."


@pytest.mark.parametrize(
    ("samples", "drawable"),
    [
        pytest.param([], False, id="nothing measured"),
        pytest.param([sample(NOW - 29)], False, id="less than a step"),
        pytest.param([sample(NOW - 30)], True, id="a step"),
        pytest.param([sample(0)], True, id="the whole hour"),
    ],
)
def test_a_chart_is_drawn_once_there_is_a_step_of_it(samples: list[Sample], drawable: bool) -> None:  # noqa: FBT001
    assert from_samples(samples, now=NOW).drawable is drawable


def test_nothing_measured_is_said_to_be_so() -> None:
    assert from_samples([], now=NOW) == LastHour((), None, None, until=0.0)
    assert from_samples([], now=NOW).sentence == "Nothing was measured in the last hour."


async def test_it_is_read_of_a_real_queue(client: JobClient, queue: JobQueue) -> None:
    await queue.sample(sample(0, pending=3, replicas=1, done=5))
    hour = last_hour(client.address, "jobs")

    assert {(point.waiting, point.workers) for point in hour.points} == {(3, 1)}
    assert hour.done_before == 5


@pytest.mark.parametrize("samples", [[sample(3700, 1, 1, 1)], [sample(3700)], [sample(3700), sample(3800, 1, 1, 1)]])
def test_the_chart_needs_nothing_from_elsewhere(samples: list[Sample]) -> None:
    chart: dict[str, Any] = line_of_the_hour(from_samples(samples, now=NOW)).to_dict()

    assert len(chart["layer"]) == 4
    assert [layer for layer in chart["layer"] if "url" in layer.get("data", {})] == []
