"""What KEDA reports in a ScaledObject, and the sentences and remedies that only KEDA has."""

import re
from pathlib import Path
from typing import Any

import pytest

import greenscale_operator
from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler
from greenscale_operator.objects import Install
from greenscale_operator.scalers import ScalerDriver, Switches
from greenscale_operator.scalers.keda import SCALED_OBJECT, TRIGGER_AUTHENTICATION, Keda
from greenscale_operator.workload import Engine, Queue, Redis, SecretRef, Workload

Body = dict[str, Any]

PREFIX = "autoscaling.keda.sh/"
KEDA: ScalerDriver = Keda()


def scaled_object(*conditions: Body, annotations: Body | None = None) -> Body:
    metadata = {"name": "w-scaler", "namespace": "shop", "annotations": annotations}
    return {"metadata": metadata, "status": {"conditions": list(conditions)}}


def read(*conditions: Body, annotations: Body | None = None) -> Scaler:
    found = KEDA.read(scaled_object(*conditions, annotations=annotations))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("annotations", "pauses", "effect", "starts_workers"),
    [
        pytest.param({}, [], "", True, id="none"),
        pytest.param({"paused": "true"}, ["paused"], "KEDA scales nothing", False, id="paused"),
        pytest.param({"paused": "yes please"}, ["paused"], "KEDA scales nothing", False, id="no boolean means yes"),
        pytest.param({"paused": "false"}, [], "", True, id="not paused"),
        pytest.param({"paused-replicas": "0"}, ["paused-replicas"], "KEDA scales nothing", False, id="at a number"),
        pytest.param(
            {"paused-replicas": "false"}, ["paused-replicas"], "KEDA scales nothing", False, id="presence is enough"
        ),
        pytest.param({"paused-scale-out": "true"}, ["paused-scale-out"], "no worker starts", False, id="out"),
        pytest.param({"paused-scale-in": "true"}, ["paused-scale-in"], "no worker ends", True, id="in"),
        pytest.param(
            {"paused-scale-in": "1", "paused-scale-out": "t"},
            ["paused-scale-out", "paused-scale-in"],
            "no worker starts",
            False,
            id="both ways",
        ),
        pytest.param({"force-activation": "true"}, [], "", True, id="another annotation"),
    ],
)
def test_an_annotation_that_pauses_keda_is_reported_with_the_command_that_removes_it(
    annotations: Body, pauses: list[str], effect: str, *, starts_workers: bool
) -> None:
    found = read(annotations={PREFIX + name: value for name, value in annotations.items()})
    names = [PREFIX + name for name in pauses]
    undo = " ".join(f"{name}-" for name in names)
    message = (
        f"The ScaledObject is paused by {' and '.join(names)}: {effect}. "
        f"To undo it: kubectl annotate scaledobject w-scaler -n shop {undo}"
    )

    assert found.pause == (Problem("Paused", message) if pauses else None)
    assert found.starts_workers is starts_workers


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], Scaler(), id="nothing reported yet"),
        pytest.param([{"type": "Ready", "status": "Unknown", "reason": "UnknownState"}], Scaler(), id="unknown"),
        pytest.param(
            [
                {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "ok"},
                {"type": "Active", "status": "True", "reason": "ScalerActive"},
                {"type": "HPAActive", "status": "False", "reason": "ScalingDisabled", "message": "zero"},
            ],
            Scaler(ready=True, active=True),
            id="an HPA that rests at zero is well",
        ),
        pytest.param(
            [{"type": "Ready", "status": "False", "reason": "TriggerError", "message": "no Redis"}],
            Scaler(ready=False, problem=Problem("TriggerError", "KEDA cannot scale it: no Redis")),
            id="it cannot scale",
        ),
        pytest.param(
            [{"type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed"}],
            Scaler(
                ready=False,
                problem=Problem("ScaledObjectCheckFailed", "KEDA cannot scale it: no reason given"),
                lost_queue=True,
            ),
            id="it cannot reach Redis and tries again much later",
        ),
        pytest.param(
            [{"type": "HPAActive", "status": "False", "reason": "FailedGetExternalMetric", "message": "no server"}],
            Scaler(
                stays_at_one=Problem(
                    "HPAFailing",
                    "It stays at one worker, since the HPA has no numbers (FailedGetExternalMetric: no server).",
                )
            ),
            id="an HPA that gets no numbers is not",
        ),
        pytest.param(
            [{"type": "HPAActive", "status": "False", "reason": "AmbiguousSelector", "message": "[shop/theirs]"}],
            Scaler(
                conflict=Problem(
                    "ForeignAutoscaler",
                    "Another HorizontalPodAutoscaler scales the same Deployment, so none of them does "
                    "(AmbiguousSelector: [shop/theirs]). Delete the one that is not keda-hpa-w-scaler: "
                    "kubectl get hpa -n shop",
                )
            ),
            id="another HPA",
        ),
    ],
)
def test_what_a_scaled_object_reports(conditions: list[Body], expected: Scaler) -> None:
    assert read(*conditions) == expected


def test_there_is_nothing_to_read_where_no_scaled_object_is() -> None:
    assert KEDA.read(None) is None


def test_an_hpa_that_was_there_before_is_named_with_the_command_that_removes_it() -> None:
    words = "the workload 'w' of type 'apps/v1.Deployment' is already managed by the hpa 'theirs'."
    explained = KEDA.explained(Problem("Rejected", words), "shop")

    assert explained == Problem("Rejected", f"{words} To remove it: kubectl delete hpa theirs -n shop")


def test_any_other_refusal_is_left_as_it_is() -> None:
    refusal = Problem("Rejected", "no")

    assert KEDA.explained(refusal, "shop") == refusal


@pytest.mark.parametrize(
    "switches", [Switches(), Switches(paused=True), Switches(nudged=True), Switches(paused=True, nudged=True)]
)
def test_switches_are_read_back_from_what_they_made(switches: Switches) -> None:
    (_, manifest) = KEDA.manifests(workload(), Install(), switches)[-1]

    assert KEDA.switches(manifest) == switches


@pytest.mark.parametrize(
    ("redis", "kinds"),
    [
        pytest.param(Redis(), [SCALED_OBJECT], id="a Redis without a password"),
        pytest.param(
            Redis(password_secret_ref=SecretRef("redis", "password")),
            [TRIGGER_AUTHENTICATION, SCALED_OBJECT],
            id="one with a password",
        ),
    ],
)
def test_what_reaches_redis_is_applied_before_what_scales(redis: Redis, kinds: list[object]) -> None:
    made = KEDA.manifests(workload(redis), Install(), Switches())

    assert [kind for kind, _ in made] == kinds
    assert [kind.kind for kind, _ in made] == [manifest["kind"] for _, manifest in made]
    assert made[-1][1]["metadata"]["name"] == KEDA.object_name("w")


def test_sentences_say_how_to_find_out_why_keda_does_not_scale() -> None:
    terms = KEDA.terms("shop", "w", "redis:6379")
    describe = "kubectl describe scaledobject w-scaler -n shop"

    assert terms.check == f"Is its operator running (kubectl get pods -n keda)? {describe}"
    assert terms.check_queue == (
        f"Is its operator running (kubectl get pods -n keda), and can it reach Redis at redis:6379? {describe}"
    )


def test_nothing_else_in_the_operator_speaks_of_keda() -> None:
    """`main` alone chooses the scaler; sentences about it come through the protocol."""
    package = Path(greenscale_operator.__file__).parent
    naming = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search("keda|scaledobject", file.read_text(), re.IGNORECASE)
    }

    assert {name for name in naming if not name.startswith("scalers/keda/")} == {"main.py"}


def workload(redis: Redis | None = None) -> Workload:
    return Workload(name="w", namespace="shop", engine=Engine(type="Echo"), queue=Queue(redis=redis or Redis()))
