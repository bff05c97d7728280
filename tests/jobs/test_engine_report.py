"""What is said of an engine that does no job at all."""

from typing import Any

import pytest

from greenscale_jobs import Stats
from greenscale_jobs.engine_report import engine_fault, seconds_of_news

NOW = 1000.0


def stats(pending: int = 0, in_flight: int = 0, delayed: int = 0, *, fault: str = "Away.", age: float = 1) -> Stats:
    return Stats(pending, in_flight, delayed, 3, {}, fault, NOW - age)


@pytest.mark.parametrize(
    ("queue_stats", "changes", "expected"),
    [
        pytest.param(
            stats(38, 2),
            {"workers": 2},
            "Away. 2 workers stay awake while 40 jobs wait; set spec.suspend to true to let them go.",
            id="several workers and jobs",
        ),
        pytest.param(
            stats(0, 0, 1),
            {"workers": 1},
            "Away. 1 worker stays awake while 1 job waits; set spec.suspend to true to let it go.",
            id="one that waits for its next try",
        ),
        pytest.param(
            stats(1, fault="Is it running?"),
            {"workers": 1},
            "Is it running? 1 worker stays awake while 1 job waits; set spec.suspend to true to let it go.",
            id="a fault that ends with a question",
        ),
        pytest.param(stats(5), {"workers": 0}, "Away.", id="nobody is awake"),
        pytest.param(stats(), {"workers": 2}, "Away.", id="no job is left"),
        pytest.param(stats(5), {"workers": 2, "suspended": True}, "Away.", id="suspended already"),
        pytest.param(stats(5, age=180), {"workers": 2}, None, id="a report that nobody repeats"),
        pytest.param(Stats(5, 1, 0, 0), {"workers": 2}, None, id="no fault"),
        pytest.param(None, {"workers": 2}, None, id="a queue that was not read"),
    ],
)
def test_what_is_said_of_an_engine(queue_stats: Stats | None, changes: dict[str, Any], expected: str | None) -> None:
    assert engine_fault(queue_stats, **{"suspended": False, "now": NOW, **changes}) == expected


def test_a_report_is_news_for_as_long_as_it_says() -> None:
    """The worker that ends to read its key again is back after five minutes, or a little later."""
    report = Stats(1, 0, 0, 0, {}, "it refuses the API key", NOW, NOW + 420)

    assert [seconds_of_news(report, now=NOW + after) for after in (0, 419, 421)] == [420, 1, 0]


def test_a_report_is_news_for_three_minutes() -> None:
    assert [seconds_of_news(stats(age=age), now=NOW) for age in (0, 179, 181)] == [180, 1, 0]
