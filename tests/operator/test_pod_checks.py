"""When pods are worth a request, and how often."""

import pytest

from greenscale_operator.facts import Workers
from greenscale_operator.pod_checks import matter, pace


@pytest.mark.parametrize(
    ("workers", "zero_at", "doubtful", "expected"),
    [
        pytest.param(Workers(), None, False, False, id="a Deployment created just now never had a pod"),
        pytest.param(Workers(reported=True), None, False, True, id="zero, and not yet known to be reached"),
        pytest.param(Workers(reported=True), "2026-01-01T00:00:00Z", False, False, id="at zero"),
        pytest.param(Workers(2, 2, reported=True), None, False, False, id="all are ready"),
        pytest.param(Workers(2, 1, reported=True), None, False, True, id="one is not"),
        pytest.param(Workers(2, 2, reported=True), None, True, True, id="they claim nothing, or have crashed"),
    ],
)
def test_pods_are_asked_for_only_where_they_matter(
    workers: Workers, zero_at: str | None, *, doubtful: bool, expected: bool
) -> None:
    assert matter(workers, zero_at=zero_at, doubtful=doubtful) is expected


@pytest.mark.parametrize(("since", "seconds"), [(None, 15), (100, 1), (80, 2), (0, 10)])
def test_what_is_on_the_move_is_looked_at_a_tenth_of_its_time_later(since: float | None, seconds: float) -> None:
    assert pace(since, 100.0) == seconds
