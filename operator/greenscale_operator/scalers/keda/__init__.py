"""KEDA (https://keda.sh) as the scaler: a ScaledObject for each workload, and how it reaches the queue's Redis.

Pure.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler, ScalerTerms
from greenscale_operator.kinds import Kind
from greenscale_operator.objects import Install, Manifest
from greenscale_operator.scalers import Switches
from greenscale_operator.scalers.keda.report import read
from greenscale_operator.scalers.keda.scaled_object import (
    NUDGE,
    PAUSED,
    PAUSED_REPLICAS,
    object_name,
    scaled_object,
    trigger_authentication,
)
from greenscale_operator.workload import Workload

MISSING_REASON = "KedaNotInstalled"

MISSING = (
    "KEDA is not installed, for the cluster knows no ScaledObject: install it (https://keda.sh/docs/latest/deploy/). "
    "Jobs are accepted meanwhile, and no worker wakes."
)

SCALED_OBJECT = Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects", MISSING_REASON, MISSING)

TRIGGER_AUTHENTICATION = Kind(
    "TriggerAuthentication", "keda.sh", "v1alpha1", "triggerauthentications", MISSING_REASON, MISSING
)

STOP = {PAUSED: "true"}
"""Ends KEDA's loop, whose status writes would otherwise hold up a deletion (kedacore/keda#7950)."""

FOREIGN_HPA = re.compile(r"managed by the hpa '?([\w.-]+)'?")
"""How KEDA's webhook names another HPA of the same Deployment."""


class Keda:
    """Has KEDA scale; see `ScalerDriver`."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of all objects."""
        return TRIGGER_AUTHENTICATION, SCALED_OBJECT

    @property
    def scaling_kind(self) -> Kind:
        """The kind of the object that scales."""
        return SCALED_OBJECT

    @property
    def stop(self) -> Mapping[str, str]:
        """Annotations by which a ScaledObject scales nothing any more."""
        return STOP

    def manifests(self, workload: Workload, install: Install, switches: Switches) -> Sequence[tuple[Kind, Manifest]]:
        """Return the ScaledObject, after what it needs to reach Redis."""
        authentication = trigger_authentication(workload)
        return [
            *([(TRIGGER_AUTHENTICATION, authentication)] if authentication else []),
            (SCALED_OBJECT, scaled_object(workload, install, switches)),
        ]

    def object_name(self, workload_name: str) -> str:
        """Return the name of the ScaledObject."""
        return object_name(workload_name)

    def switches(self, live: Manifest) -> Switches:
        """Return the switches of a ScaledObject that is there."""
        annotations = live["metadata"].get("annotations", {})
        return Switches(paused=PAUSED_REPLICAS in annotations, nudged=NUDGE in annotations)

    def read(self, live: Manifest | None) -> Scaler | None:
        """Return what a ScaledObject reports."""
        return None if live is None else read(live)

    def terms(self, namespace: str, name: str, redis: str) -> ScalerTerms:
        """Return how sentences speak of KEDA."""
        pods, describe = "kubectl get pods -n keda", f"kubectl describe scaledobject {object_name(name)} -n {namespace}"
        return ScalerTerms(
            name="KEDA",
            kind=SCALED_OBJECT.kind,
            ready_reason="ScaledObjectReady",
            waiting_reason="WaitingForKeda",
            waiting="KEDA has not reported on the ScaledObject yet: is its operator running?",
            check=f"Is its operator running ({pods})? {describe}",
            check_queue=f"Is its operator running ({pods}), and can it reach Redis at {redis}? {describe}",
        )

    def explained(self, refusal: Problem, namespace: str) -> Problem:
        """Return a refusal; where KEDA's webhook names a foreign HPA, with the command that removes it."""
        hpa = FOREIGN_HPA.search(refusal.message)
        if hpa is None:
            return refusal
        remedy = f"To remove it: kubectl delete hpa {hpa[1]} -n {namespace}"
        return msgspec.structs.replace(refusal, message=f"{refusal.message} {remedy}")

    def lingering(self, namespace: str, name: str) -> str:
        """Say what to do about a ScaledObject that KEDA's finalizer holds; it is not ours to remove."""
        return (
            f"The ScaledObject {name} is being deleted and KEDA does not finish it: is KEDA's operator running? Start "
            f"it, or, if KEDA is gone for good: kubectl patch scaledobject {name} -n {namespace} --type=merge "
            """-p '{"metadata":{"finalizers":null}}'"""
        )
