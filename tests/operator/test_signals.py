"""Whom somebody waits for."""

from typing import Any

import pytest

from greenscale_operator.signals import is_settled


def workload(ready: str | None, *, observed: int = 2) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    status = {"status": {"observedGeneration": observed, "conditions": conditions}} if ready else {}
    return {"metadata": {"generation": 2}, **status}


@pytest.mark.parametrize(
    ("body", "settled"),
    [
        pytest.param(workload(None), False, id="new"),
        pytest.param(workload("True"), True, id="ready"),
        pytest.param(workload("True", observed=1), False, id="edited"),
        pytest.param(workload("False"), False, id="in trouble"),
    ],
)
def test_a_workload_is_settled_when_its_present_spec_is_ready(body: dict[str, Any], *, settled: bool) -> None:
    assert is_settled(body) is settled
