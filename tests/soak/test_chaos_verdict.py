"""The verdict of the chaos soak sees what it is there to see."""

import dataclasses
from typing import Any

import pytest

from greenscale_testing.chaos_kinds import calls_of, text_of
from greenscale_testing.chaos_ledger import Call, Outage
from greenscale_testing.chaos_verdict import Ended, Verdict, judge

GOOD = {
    1: ("plain", Ended("done", text_of(1))),
    2: ("filtered", Ended("dead", reason="ContentFiltered")),
    3: ("forbidden", Ended("dead", reason="Forbidden")),
    4: ("tool-calls", Ended("done", calls_of(4))),
    5: ("poison-engine", Ended("dead", reason="EngineLost")),
}


def call(kind: str, job: int, does: str = "answer", **more: Any) -> Call:
    return Call(kind, job, "one", does, **{"began_at": 100.0, "ended_at": 100.1, "how": "sent", **more})


CALLS = [
    call("plain", 1, "trouble 500"),
    call("plain", 1),
    call("filtered", 2),
    call("forbidden", 3),
    call("forbidden", 3),
    call("tool-calls", 4),
    *[call("poison-engine", 5, how="lost", ended_at=None) for _ in range(5)],
]


def verdict_on(
    changed: dict[int, Ended] | None = None,
    calls: list[Call] = CALLS,
    *,
    without: int = 0,
    outages: tuple[Outage, ...] = (),
    ends: dict[str, list[float]] | None = None,
) -> Verdict:
    ended = {number: end for number, (_, end) in GOOD.items()} | (changed or {})
    ended.pop(without, None)
    jobs = {number: kind for number, (kind, _) in GOOD.items()}
    return judge(jobs, ended, calls, outages, ends or {}, concurrency=2, max_losses=3)


def test_what_went_as_it_should_is_clean() -> None:
    verdict = verdict_on()

    assert verdict.clean
    assert (verdict.needed, verdict.waste) == (6, 1.0)


def test_a_job_that_has_not_ended_is_lost() -> None:
    assert verdict_on(without=1).lost == ["plain 1 has not ended"]


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        pytest.param({1: Ended("dead", reason="EngineLost")}, "dead", id="dead that should be done"),
        pytest.param({2: Ended("dead", reason="ServerError")}, "dead", id="dead for a wrong reason"),
        pytest.param({1: Ended("cancelled")}, "dead", id="cancelled by nobody"),
        pytest.param({2: Ended("done", "half")}, "done", id="done that should be dead"),
        pytest.param({1: Ended("done", text_of(1)[:-1])}, "texts", id="half an answer"),
        pytest.param({1: Ended("done", text_of(1) + " ")}, "texts", id="a blank more"),
        pytest.param({1: Ended("done", text_of(8))}, "texts", id="another's answer"),
        pytest.param({1: Ended("done", None)}, "texts", id="no answer"),
    ],
)
def test_what_ended_wrongly_is_named(changed: dict[int, Ended], where: str) -> None:
    verdict = verdict_on(changed)

    assert not verdict.clean
    wrong = {field.name: getattr(verdict, field.name) for field in dataclasses.fields(verdict)}
    assert {name: len(lines) for name, lines in wrong.items() if isinstance(lines, list) and lines} == {where: 1}


def test_more_than_a_fifth_of_wasted_calls_is_too_often() -> None:
    verdict = verdict_on(calls=[*CALLS, call("plain", 1), call("filtered", 2)])

    assert verdict.asked == ["1.33 calls for each that was needed"]


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(call("plain", 1, "outage 503"), id="in an outage"),
        pytest.param(call("plain", 1, how="lost", ended_at=None), id="with the engine"),
        pytest.param(call("plain", 1, how="gone", ended_at=101.0), id="with a worker"),
    ],
)
def test_calls_that_nobody_could_avoid_are_no_waste(extra: Call) -> None:
    assert verdict_on(calls=[*CALLS, *[extra] * 5], ends={"one": [101.2]}).clean


def test_a_call_that_a_living_worker_left_is_waste() -> None:
    left = call("plain", 1, how="gone", ended_at=101.0)

    assert verdict_on(calls=[*CALLS, *[left] * 3], ends={"one": [200.0], "two": [101.0]}).waste == 1.5


def test_a_deadly_job_is_not_asked_for_ever() -> None:
    more = [call("poison-engine", 5, how="lost", ended_at=None) for _ in range(3)]

    assert verdict_on(calls=[*CALLS, *more]).asked == ["the deadly job 5 was asked 8 times"]


@pytest.mark.parametrize(("probes", "enough"), [(7, True), (8, False)], ids=["as often as it may", "once more"])
def test_in_an_outage_a_worker_asks_seldom(probes: int, *, enough: bool) -> None:
    asked = [call("plain", 1, "outage 503") for _ in range(probes)]

    verdict = verdict_on(calls=[*CALLS, *asked], outages=(Outage("503", 99, 106),))

    assert verdict.clean is enough


def test_what_each_worker_asks_in_an_outage_is_counted_by_itself() -> None:
    asked = [dataclasses.replace(call("plain", 1, "outage 503"), worker=f"w{n % 2}") for n in range(14)]

    assert verdict_on(calls=[*CALLS, *asked], outages=(Outage("503", 99, 106),)).clean
