"""The times of --in, --at, --since and --until."""

import datetime as dt
import time
from collections.abc import Callable, Iterator

import pytest

from greenscale_cli.exits import CommandError
from greenscale_cli.time_options import moment_of, seconds_of, unix_time_of

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), (" 0s ", 0), ("366d", 31_622_400)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "10", "-5m", "5 minutes", "1m1h", "٣m", "1.5h", "soon", "367d", "9" * 400 + "d"]
)
def test_what_is_not_a_valid_duration_is_named(text: str) -> None:
    with pytest.raises(CommandError, match=r"^--in '"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["2026-11-26T09:00+01:00", "2026-11-26T08:00Z", "2026-11-26 08:00:00+00:00"])
def test_a_time_with_its_zone_is_read(text: str) -> None:
    assert moment_of(text, now=NOW) == (dt.datetime(2026, 11, 26, 8, tzinfo=dt.UTC), "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2026-11-25T12:00Z", "is in the past: it is now 2026"),
        ("2027-11-27T12:00Z", "more than a year away"),
        ("9999-12-31T23:59", "--at"),
        ("tomorrow", "is not a valid time: use 2026-11-26T09:00"),
        ("09:00", "is not a valid time"),
        ("", "is not a valid time"),
        ("2026-11-26T24:00", "is not a valid time"),
        ("0001-01-01T00:00", "--at"),
    ],
)
def test_a_time_that_cannot_be_is_named(text: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        moment_of(text, now=NOW)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put this machine into a time zone."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""As in Berlin, also where no zones are installed."""

LORD_HOWE = "LHST-10:30LHDT-11,M10.1.0,M4.1.0"
"""Its clocks go by half an hour."""


@pytest.mark.parametrize(
    ("where", "text"),
    [
        pytest.param(BERLIN, "2027-03-28T02:30", id="Berlin"),
        pytest.param(BERLIN, "2027-03-28T02:00", id="the first instant"),
        pytest.param(BERLIN, "2027-03-28T02:59:59", id="the last second"),
        pytest.param("EST5EDT,M3.2.0,M11.1.0", "2027-03-14T02:30", id="New York"),
        pytest.param(LORD_HOWE, "2027-10-03T02:15", id="half an hour"),
    ],
)
def test_a_time_that_the_clocks_pass_over_is_refused(zone: Callable[[str], None], where: str, text: str) -> None:
    """Taken as it was on some Pythons, the job ran before the time that was asked for."""
    zone(where)
    with pytest.raises(CommandError, match="does not exist here: the clocks go forward over it"):
        moment_of(text, now=NOW)
    with pytest.raises(CommandError, match=r"^--since .*does not exist here"):
        unix_time_of(text, option="--since", now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-28T01:59", "2027-03-28T00:59Z"),
        ("2027-03-28T03:00", "2027-03-28T01:00Z"),
        ("2026-12-25T12:00", "2026-12-25T11:00Z"),
        ("2027-07-01T12:00", "2027-07-01T10:00Z"),
        ("2027-03-28T02:30+01:00", "2027-03-28T01:30Z"),
    ],
)
def test_a_time_beside_a_change_of_the_clocks_is_read(zone: Callable[[str], None], text: str, expected: str) -> None:
    zone(BERLIN)

    assert moment_of(text, now=NOW) == (dt.datetime.fromisoformat(expected), "")


def test_of_a_time_that_occurs_twice_the_first_is_used_and_named(zone: Callable[[str], None]) -> None:
    zone(BERLIN)
    moment, notice = moment_of("2027-10-31T02:30", now=NOW)

    assert moment == dt.datetime.fromisoformat("2027-10-31T00:30Z")
    assert notice == (
        "--at '2027-10-31T02:30' occurs twice that day: using the first, 2027-10-31T02:30:00+02:00; "
        "use 2027-10-31T02:30:00+01:00 for the second"
    )
    assert unix_time_of("2027-10-31T02:30", option="--since", now=NOW) == moment.timestamp()
