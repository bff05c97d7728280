"""What stands in the status, and when it is worth a request."""

import msgspec
import pytest

from greenscale_jobs import Stats
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Facts, Pods, Scaler, Workers
from greenscale_operator.status import MAX_MESSAGE, NUMBERS_SECONDS, least_status, patch, status, wait_before_writing

NOW = 1_700_000_000.0

ASLEEP = Facts(now=NOW, generation=3, stats=Stats(0, 0, 0, 0), workers=Workers(), scaler=Scaler(ready=True))


def test_the_whole_status_of_a_workload_at_zero() -> None:
    whole = status(ASLEEP, {}, model="m")
    whole["conditions"] = len(whole["conditions"])

    assert whole == {
        "observedGeneration": 3,
        "state": "ScaledToZero",
        "replicas": 0,
        "conditions": 8,
        "model": "m",
        "queue": {"pending": 0, "inFlight": 0, "delayed": 0, "dead": 0, "sampledAt": "2023-11-14T22:13:20Z"},
        "zeroAt": "2023-11-14T22:13:20Z",
    }


def test_a_condition_that_holds_on_keeps_its_time() -> None:
    before = status(ASLEEP, {}, model=None)
    later = msgspec.structs.replace(ASLEEP, now=NOW + 60, suspend=True)
    after = status(later, before, model=None)
    times = {condition["type"]: condition["lastTransitionTime"] for condition in after["conditions"]}

    assert times["QueueReachable"] == "2023-11-14T22:13:20Z"
    assert times["Ready"] == times["Suspended"] == "2023-11-14T22:14:20Z"


def test_the_time_of_reaching_zero_is_kept_and_then_dropped() -> None:
    before = status(ASLEEP, {}, model=None)
    still = status(msgspec.structs.replace(ASLEEP, now=NOW + 60), before, model=None)
    awake = status(msgspec.structs.replace(ASLEEP, workers=Workers(1, 1)), still, model=None)

    assert still["zeroAt"] == before["zeroAt"]
    assert "zeroAt" not in awake
    assert patch(still, awake)["zeroAt"] is None


@pytest.mark.parametrize(
    ("changes", "zero"),
    [
        pytest.param({"pods": Pods(looked=True, ending=2)}, False, id="pods still end"),
        pytest.param({"workers": Workers(reported=True)}, False, id="pods may still end, nobody has looked"),
        pytest.param({"workers": Workers(reported=True), "pods": Pods(looked=True)}, True, id="no pod is left"),
        pytest.param({"workers": Workers()}, True, id="there never was a pod"),
        pytest.param({"workers": None}, True, id="there is no Deployment"),
    ],
)
def test_zero_is_reached_when_no_pod_is_left(changes: dict[str, object], *, zero: bool) -> None:
    assert ("zeroAt" in status(msgspec.structs.replace(ASLEEP, **changes), {}, model=None)) is zero


@pytest.mark.parametrize(
    ("changes", "seconds", "wait"),
    [
        pytest.param({}, 100, None, id="nothing new"),
        pytest.param({"stats": Stats(0, 0, 0, 1)}, 3, NUMBERS_SECONDS - 3, id="numbers can wait"),
        pytest.param({"stats": Stats(0, 0, 0, 1)}, 30, 0, id="numbers that waited long enough"),
        pytest.param({"suspend": True}, 0, 0, id="a condition cannot"),
        pytest.param({"scaler": Scaler(ready=True, last_active=NOW)}, 100, None, id="KEDA's last poll is no news"),
    ],
)
def test_when_it_is_written(changes: dict[str, object], seconds: float, wait: float | None) -> None:
    before = status(ASLEEP, {}, model=None)
    facts = msgspec.structs.replace(ASLEEP, now=NOW + seconds, **changes)

    assert wait_before_writing(before, status(facts, before, model=None), now=NOW + seconds) == wait


@pytest.mark.parametrize(
    ("reason", "written"), [("Rejected", "Rejected"), ("no such!", "nosuch"), ("", "Unknown"), ("?", "Unknown")]
)  # fmt: skip
def test_others_words_are_cut_to_what_the_api_server_accepts(reason: str, written: str) -> None:
    ready, *_ = status(
        msgspec.structs.replace(ASLEEP, refusal=Problem(reason, "x" * 100_000)), {}, model=None
    )["conditions"]  # fmt: skip

    assert (ready["reason"], len(ready["message"])) == (written, MAX_MESSAGE)


def test_the_least_status_says_it_once() -> None:
    before = status(ASLEEP, {}, model=None)
    problem = Problem("InternalError", "KeyError")
    least = least_status(before, problem, generation=4, now=NOW + 60)

    assert least == {
        "observedGeneration": 4,
        "state": None,
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "observedGeneration": 4,
                "lastTransitionTime": "2023-11-14T22:14:20Z",
                "reason": "InternalError",
                "message": "KeyError",
            }
        ],
    }
    assert least_status({**before, **least}, problem, generation=4, now=NOW + 120) is None
