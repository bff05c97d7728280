"""What the steps of a reconciliation have found, put together."""

from typing import Any

import pytest

from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Facts
from greenscale_operator.memory import Memory
from greenscale_operator.reconciliation import (
    Failure,
    ObjectFinding,
    PodFinding,
    QueueFinding,
    Reconciliation,
    SecretFinding,
    read_spec,
    soonest,
)
from greenscale_operator.scalers.keda import Keda

NOW = 1_700_000_000.0
OFFICE_HOURS = {"start": "0 8 * * *", "end": "0 18 * * *", "minReplicas": 1}
SCHEDULED = {"scaling": {"maxReplicas": 2, "schedules": [OFFICE_HOURS]}}
"""NOW is 22:13 UTC."""

QUEUE, OBJECT, OTHER = Problem("QueueTaken", "q"), Problem("Rejected", "o"), Problem("SecretMissing", "s")


def body(**parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "namespace": "shop", "generation": 3}, "spec": {"engine": {}, **parts}}


def joined(**findings: Any) -> Facts:
    return Reconciliation(body=body(), now=NOW, **findings).facts(Memory(), Keda())


@pytest.mark.parametrize(
    ("waits", "expected"), [((), None), ((None, None), None), ((None, 3.0, 2.0), 2.0), ((0.0,), 0.0)]
)
def test_the_soonest_wait_is_kept(waits: tuple[float | None, ...], expected: float | None) -> None:
    assert soonest(*waits) == expected


def test_a_spec_is_read_again_when_a_schedule_changes_what_it_keeps() -> None:
    found = read_spec(body(**SCHEDULED), now=NOW)

    assert (found.problem, found.kept, found.again) == (None, None, 35_200)


def test_a_workload_whose_schedule_is_wrong_is_still_known_by_its_name() -> None:
    """The board shows it, with the problem."""
    wrong = {**OFFICE_HOURS, "start": "0 8 * * 9"}
    found = read_spec(body(scaling={"schedules": [wrong]}), now=NOW)

    assert found.problem
    assert found.problem.reason == "InvalidSpec"
    assert found.workload
    assert found.workload.name == "w"


def test_a_spec_that_cannot_be_read_is_a_problem_and_no_workload() -> None:
    found = read_spec(body(engine={"type": "None"}), now=NOW)

    assert found.workload is None
    assert found.problem
    assert found.problem.message.endswith(": edit the spec.")


def test_it_is_reconciled_again_when_the_first_step_asks_for_it() -> None:
    found = Reconciliation(
        body=body(), now=NOW, queue=QueueFinding(again=9), objects=ObjectFinding(again=4), pods=PodFinding(again=7)
    )

    assert found.again == 4


@pytest.mark.parametrize(
    ("findings", "field", "problem"),
    [
        pytest.param({"queue": QueueFinding(taken=QUEUE)}, "spec_problem", QUEUE, id="another's queue"),
        pytest.param({"queue": QueueFinding(problem=QUEUE)}, "queue_problem", QUEUE, id="the queue"),
        pytest.param({"api_key": SecretFinding(problem=OTHER)}, "worker_problem", OTHER, id="the key"),
        pytest.param(
            {"api_key": SecretFinding(problem=OTHER), "objects": ObjectFinding(worker_problem=OBJECT)},
            "worker_problem",
            OBJECT,
            id="the Deployment before the key",
        ),
        pytest.param({"failure": Failure(pending=OTHER)}, "pending", OTHER, id="what was not done yet"),
    ],
)
def test_each_problem_has_its_place(findings: dict[str, Any], field: str, problem: Problem) -> None:
    assert getattr(joined(**findings), field) == problem


def test_sentences_about_the_scaler_come_from_the_scaler() -> None:
    facts = joined(queue=QueueFinding(redis="redis:6379"))

    assert facts.scaler_terms == Keda().terms("shop", "w", "redis:6379")
