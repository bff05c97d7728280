"""What the operator needs of the scaler that starts and ends a workload's workers, in the operator's own terms.

Pure. One package for each scaler, which `main` hands to whoever needs it: no other module of the operator knows which.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import Scaler, ScalerTerms
from greenscale_operator.kinds import Kind
from greenscale_operator.objects import Install, Manifest
from greenscale_operator.workload import Workload


class Switches(msgspec.Struct, frozen=True):
    """What the scaler is asked beside the scaling."""

    paused: bool = False
    """Stay at zero whatever waits: for a suspended workload in which nothing runs any more."""
    nudged: bool = False
    """Means nothing; a change of it makes the scaler check again at once."""


class ScalerDriver(Protocol):
    """Makes the objects that have a scaler scale a Deployment, and reads them.

    One object of each workload scales, of the kind `scaling_kind`; it may need others. Without any of them the
    operator reports `Kind.missing`.
    """

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of all objects, in the order in which they must be applied; `scaling_kind` is the last."""

    @property
    def scaling_kind(self) -> Kind:
        """The kind of the object that scales."""

    @property
    def stop(self) -> Mapping[str, str]:
        """Annotations by which an object that is about to be deleted scales nothing any more."""

    def manifests(self, workload: Workload, install: Install, switches: Switches) -> Sequence[tuple[Kind, Manifest]]:
        """Return the objects that a workload needs, in the order of `kinds`."""

    def object_name(self, workload_name: str) -> str:
        """Return the name of the object that scales."""

    def switches(self, live: Manifest) -> Switches:
        """Return the switches of an object that is there."""

    def read(self, live: Manifest | None) -> Scaler | None:
        """Return what the object that scales reports; None where there is none."""

    def terms(self, namespace: str, name: str, redis: str) -> ScalerTerms:
        """Return how sentences about a workload, whose queue is in the Redis at `redis`, speak of the scaler."""

    def explained(self, refusal: Problem, namespace: str) -> Problem:
        """Return why the API server refuses an object, with the remedy where the scaler's own words have one."""

    def lingering(self, namespace: str, name: str) -> str:
        """Say what to do about an object that scales, is being deleted and does not go."""
