"""Which schedule keeps how many workers now, and until when; a change of the clocks among them."""

import datetime as dt
import zoneinfo
from pathlib import Path

import pytest

from greenscale_jobs.sentences import keeping
from greenscale_jobs.workloads import Kept
from greenscale_operator import schedules
from greenscale_operator.cron import read_cron
from greenscale_operator.workload import InvalidWorkload, Schedule
from greenscale_testing.zone_file import zone

HOUR = 3600
RECORDED = Path(__file__).parent / "cron_recorded.txt"
"""What robfig/cron 3.0.1, which KEDA uses, answered: line | zone | now | its next time, `never`, or `invalid`."""


def at(text: str, timezone: str = "UTC") -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(timezone)).timestamp()


OFFICE = Schedule("0 8 * * 1-5", "0 18 * * 1-5", 2, "Europe/Berlin")
NIGHT = Schedule("0 22 * * *", "0 6 * * *", 3)
LUNCH = Schedule("0 12 * * *", "0 13 * * *", 2, "Europe/Berlin")


def test_a_line_means_what_keda_means_by_it() -> None:
    for entry in RECORDED.read_text().splitlines():
        line, name, now, expected = entry.split(" | ")
        try:
            found = read_cron(line).next_after(int(now), zoneinfo.ZoneInfo(name))
        except ValueError:
            assert expected == "invalid", entry
        else:
            assert expected == ("never" if found is None else f"{found:.0f}"), entry


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        pytest.param((OFFICE,), at("2026-11-30T07:59:59", "Europe/Berlin"), None, id="before it begins"),
        pytest.param((OFFICE,), at("2026-11-30T08:00", "Europe/Berlin"), (2, "2026-11-30T17:00"), id="it begins"),
        pytest.param((OFFICE,), at("2026-11-30T18:00", "Europe/Berlin"), None, id="it ends"),
        pytest.param((OFFICE,), at("2026-11-29T12:00", "Europe/Berlin"), None, id="a Sunday"),
        pytest.param((NIGHT,), at("2026-11-29T23:00"), (3, "2026-11-30T06:00"), id="over midnight"),
        pytest.param((NIGHT,), at("2026-11-30T05:59"), (3, "2026-11-30T06:00"), id="after midnight"),
        pytest.param((OFFICE, LUNCH), at("2026-11-30T11:30"), (2, "2026-11-30T17:00"), id="of two the longer"),
        pytest.param((OFFICE, NIGHT), at("2026-11-30T12:00"), (2, "2026-11-30T17:00"), id="of two the one"),
        pytest.param((), at("2026-11-30T12:00"), None, id="none"),
    ],
)
def test_what_is_kept_now(schedule: tuple[Schedule, ...], now: float, expected: tuple[int, str] | None) -> None:
    found = schedules.kept(schedule, now)

    assert (found and (found.replicas, found.until)) == (expected and (expected[0], at(expected[1])))


def test_the_next_change_is_the_next_look() -> None:
    both = (OFFICE, NIGHT)

    assert schedules.next_change(both, at("2026-11-30T12:00")) == at("2026-11-30T17:00")
    assert schedules.next_change(both, at("2026-11-30T17:00")) == at("2026-11-30T22:00")
    assert schedules.next_change((), 0.0) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-30T09:00", "1 worker is kept by a schedule until 18:00 (Europe/Berlin)"),
        ("2026-11-28T09:00", "1 worker is kept by a schedule until Mon 18:00 (Europe/Berlin)"),
        ("2026-11-03T09:00", "1 worker is kept by a schedule until 2026-11-30 18:00 (Europe/Berlin)"),
    ],
)
def test_the_end_is_said_in_its_own_zone(now: str, expected: str) -> None:
    kept = Kept(1, at("2026-11-30T18:00", "Europe/Berlin"), "Europe/Berlin")

    assert keeping(kept, now=at(now, "Europe/Berlin")) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"timezone": "Mars/Base"},
            "schedules[1].timezone 'Mars/Base' is not a known time zone: use a name of the IANA",
        ),
        ({"timezone": "../etc/passwd"}, "schedules[1].timezone '../etc/passwd' is not a known time zone"),
        ({"timezone": "Europe"}, "schedules[1].timezone 'Europe' is not a known time zone"),
        ({"start": "0 8 * *"}, "schedules[1].start '0 8 * *' has 4 fields, not five"),
        ({"start": "0 8 * * 7"}, "schedules[1].start '0 8 * * 7' has '7' as day of the week, which must be 0 to 6"),
        ({"end": "0 24 * * *"}, "schedules[1].end '0 24 * * *' has '24' as hour, which must be 0 to 23"),
        ({"end": "0 18 30 2 *"}, "schedules[1].end '0 18 30 2 *' never comes: name a day that exists"),
        ({"end": "0 8 * * 1-5"}, "schedules[1].end is the same as start"),
        ({"start": "@daily 0 0 0 0"}, "schedules[1].start '@daily 0 0 0 0' has '@daily' as minute"),
    ],
)
def test_a_schedule_that_keda_could_not_read_is_named(changes: dict[str, str], message: str) -> None:
    given = {"start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timezone": "UTC", **changes}
    bad = Schedule(given["start"], given["end"], 1, given["timezone"])
    with pytest.raises(InvalidWorkload) as caught:
        schedules.check((OFFICE, bad))

    assert f"spec.scaling.{message}" in str(caught.value)


def test_good_schedules_pass() -> None:
    schedules.check((OFFICE, NIGHT, LUNCH))


# Clocks that change in the middle: at 02:00 UTC, from one hour ahead of UTC to two, or back.

CHANGE = int(at("2026-11-30T02:00"))


@pytest.mark.parametrize(
    ("line", "forward", "back"),
    [
        pytest.param("0 4 * * *", CHANGE, CHANGE + HOUR, id="just at it, or once after"),
        pytest.param("30 4 * * *", CHANGE + HOUR / 2, CHANGE + HOUR * 3 / 2, id="within the hour after"),
        pytest.param("30 3 * * *", CHANGE + HOUR * 47 / 2, CHANGE + HOUR / 2, id="skipped for a day, or come already"),
        pytest.param("0 12 * * *", CHANGE + 8 * HOUR, CHANGE + 9 * HOUR, id="long after"),
    ],
)
def test_the_clocks_change_minutes_away(line: str, forward: float, back: float) -> None:
    """Skipped hours do not come that day, as with KEDA; else it is the wall clock that counts."""
    summer, winter = zone(CHANGE, HOUR, 2 * HOUR), zone(CHANGE, 2 * HOUR, HOUR)

    assert read_cron(line).next_after(CHANGE - 300, summer) == forward
    assert read_cron(line).next_after(CHANGE - 300, winter) == back
