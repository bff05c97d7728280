"""What a ScaledObject reports: whether KEDA scales, who has paused it, and how its HPA fares.

Pure. Reasons are KEDA's and the HPA's own where they have one.
"""

from typing import Any

from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler, seconds
from greenscale_operator.objects import Manifest
from greenscale_operator.scalers.keda.scaled_object import PAUSED, PAUSED_REPLICAS

PAUSED_SCALE_OUT, PAUSED_SCALE_IN = "autoscaling.keda.sh/paused-scale-out", "autoscaling.keda.sh/paused-scale-in"

PAUSES = (PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_OUT, PAUSED_SCALE_IN)
"""The annotations that pause KEDA's scaling. All but the last let no worker start."""

FALSE = {"0", "f", "F", "false", "False", "FALSE"}
"""What KEDA reads as no; any other value of a pausing annotation means yes."""

EFFECTS = {PAUSED_SCALE_OUT: "no worker starts", PAUSED_SCALE_IN: "no worker ends"}

CHECK_FAILED = "ScaledObjectCheckFailed"
"""KEDA's reason where it could not set a ScaledObject up, as when it cannot reach Redis."""


def read(scaled_object: Manifest) -> Scaler:
    """Return what a ScaledObject reports."""
    status = scaled_object.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    ready, hpa = conditions.get("Ready", {}), conditions.get("HPAActive", {})
    pauses = _pauses(scaled_object)
    return Scaler(
        ready=_truth(ready),
        active=_truth(conditions.get("Active", {})),
        last_active=seconds(status.get("lastActiveTime")),
        problem=_problem(ready),
        pause=_pause(scaled_object, pauses),
        starts_workers=set(pauses) <= {PAUSED_SCALE_IN},
        conflict=_conflict(hpa, scaled_object),
        stays_at_one=_without_numbers(hpa),
        lost_queue=ready.get("reason") == CHECK_FAILED,
    )


def _problem(ready: Manifest) -> Problem | None:
    """Return why KEDA does not scale, as it reports itself."""
    if _truth(ready) is not False:
        return None
    message = f"KEDA cannot scale it: {ready.get('message') or 'no reason given'}"
    return Problem(ready.get("reason") or "ScalerNotReady", message)


def _pauses(scaled_object: Manifest) -> list[str]:
    annotations = scaled_object["metadata"].get("annotations") or {}
    return [
        name for name in PAUSES if name in annotations and (name == PAUSED_REPLICAS or annotations[name] not in FALSE)
    ]


def _pause(scaled_object: Manifest, pauses: list[str]) -> Problem | None:
    """Return which annotations pause KEDA, with the command that removes them."""
    if not pauses:
        return None
    metadata = scaled_object["metadata"]
    effect = EFFECTS.get(pauses[0], "KEDA scales nothing")
    undo = " ".join(f"{name}-" for name in pauses)
    command = f"kubectl annotate scaledobject {metadata['name']} -n {metadata['namespace']} {undo}"
    return Problem("Paused", f"The ScaledObject is paused by {' and '.join(pauses)}: {effect}. To undo it: {command}")


def _hpa_failure(hpa: Manifest) -> str | None:
    """Return why the HPA does not scale; at zero replicas it reports ScalingDisabled, which is as it should be."""
    if hpa.get("status") != "False" or hpa.get("reason") in {"ScalingDisabled", None}:
        return None
    return f"{hpa['reason']}: {hpa.get('message', '')}"


def _conflict(hpa: Manifest, scaled_object: Manifest) -> Problem | None:
    failure, metadata = _hpa_failure(hpa), scaled_object["metadata"]
    if failure is None or hpa["reason"] != "AmbiguousSelector":
        return None
    return Problem(
        "ForeignAutoscaler",
        f"Another HorizontalPodAutoscaler scales the same Deployment, so none of them does ({failure}). Delete the one "
        f"that is not keda-hpa-{metadata['name']}: kubectl get hpa -n {metadata['namespace']}",
    )


def _without_numbers(hpa: Manifest) -> Problem | None:
    failure = _hpa_failure(hpa)
    if failure is None or hpa["reason"] == "AmbiguousSelector":
        return None
    return Problem("HPAFailing", f"It stays at one worker, since the HPA has no numbers ({failure}).")


def _truth(condition: dict[str, Any]) -> bool | None:
    return {"True": True, "False": False}.get(condition.get("status", ""))
