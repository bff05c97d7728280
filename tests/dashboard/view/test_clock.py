"""A reporter's clock may differ from ours."""

import msgspec
import pytest

from greenscale_dashboard.view.clock import ReporterClock
from greenscale_jobs import WorkloadStatus

replace = msgspec.structs.replace


class Times:
    """Two clocks of this machine: the wall's may be wrong, the steady one only counts."""

    def __init__(self, wall: float) -> None:
        self.off = wall
        self.passed = 0.0

    def clock(self) -> ReporterClock:
        return ReporterClock(wall=lambda: self.off + self.passed, steady=lambda: self.passed)


@pytest.mark.parametrize("wall", [1000.0, 90_000.0, 5.0], ids=["right", "a day ahead", "behind"])
def test_the_time_since_the_last_report_is_counted_by_us_whatever_our_clock_says(
    wall: float, status: WorkloadStatus
) -> None:
    times = Times(wall)
    clock = times.clock()
    clock.now(replace(status, sampled_at=1000.0))
    times.passed = 10
    later = replace(status, sampled_at=1009.0)
    on_report = clock.now(later)
    times.passed = 17

    assert (on_report, clock.now(later)) == (1009.0, 1016.0)


@pytest.mark.parametrize(
    ("wall", "now"),
    [
        pytest.param(1100.0, 1100.0, id="an old report, as far as we can tell"),
        pytest.param(900.0, 1000.0, id="from the future: our clock is behind"),
    ],
)
def test_the_first_report_may_be_old(wall: float, now: float, status: WorkloadStatus) -> None:
    assert Times(wall).clock().now(replace(status, sampled_at=1000.0)) == now
