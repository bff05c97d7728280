"""Whom somebody waits for, and who may sleep on."""

from typing import Any

import pytest

from greenscale_operator.signals import is_at_rest, is_settled


def workload(ready: str | None, *, facts: int = 2, state: str = "ScaledToZero") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    status = {"status": {"observedGeneration": facts, "conditions": conditions, "state": state}} if ready else {}
    return {"metadata": {"generation": 2}, **status}


@pytest.mark.parametrize(
    ("body", "settled"),
    [
        pytest.param(workload(None), False, id="new"),
        pytest.param(workload("True"), True, id="ready"),
        pytest.param(workload("True", facts=1), False, id="edited"),
        pytest.param(workload("False"), False, id="in trouble"),
    ],
)
def test_a_workload_is_settled_when_its_present_spec_is_ready(body: dict[str, Any], *, settled: bool) -> None:
    assert is_settled(body) is settled


@pytest.mark.parametrize(
    ("body", "at_rest"),
    [
        pytest.param(workload("True"), True, id="asleep"),
        pytest.param(workload("True", state="Active"), False, id="at work"),
        pytest.param(workload("True", state="CoolingDown"), False, id="cooling down"),
        pytest.param(workload("True", facts=1), False, id="edited in its sleep"),
        pytest.param(workload("False"), False, id="in trouble"),
        pytest.param(workload(None), False, id="new"),
    ],
)
def test_only_a_workload_that_sleeps_well_is_looked_at_later(body: dict[str, Any], *, at_rest: bool) -> None:
    assert is_at_rest(body) is at_rest
