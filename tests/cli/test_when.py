"""When a job is due, as a person says it."""

import datetime as dt

import pytest

from greenscale_cli.exits import Fault
from greenscale_cli.when import moment_of, seconds_of

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), (" 0s ", 0), ("366d", 31_622_400)],
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "10", "-5m", "5 minutes", "1m1h", "٣m", "1.5h", "soon", "367d", "9" * 400 + "d"]
)
def test_what_is_no_length_of_time_is_named(text: str) -> None:
    with pytest.raises(Fault, match=r"^--in '"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["2026-11-26T09:00+01:00", "2026-11-26T08:00Z", "2026-11-26 08:00:00+00:00"])
def test_a_time_with_its_zone_is_read(text: str) -> None:
    assert moment_of(text, now=NOW) == dt.datetime(2026, 11, 26, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2026-11-25T12:00Z", "has passed: it is 2026"),
        ("2027-11-27T12:00Z", "more than a year away"),
        ("9999-12-31T23:59", "--at"),
        ("tomorrow", "is no time: say 2026-11-26T09:00"),
        ("09:00", "is no time"),
        ("", "is no time"),
    ],
)
def test_a_time_that_cannot_be_is_named(text: str, complaint: str) -> None:
    with pytest.raises(Fault, match=complaint):
        moment_of(text, now=NOW)
