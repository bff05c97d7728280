"""Makes a workload's objects: which, in what order, and what becomes of a look where one cannot be made.

Nothing is changed before the API server has accepted every change in a dry run: a spec that it refuses leaves the
former version as it is.
"""

import dataclasses
from typing import Any

from greenscale_operator import observed
from greenscale_operator.children import Change, Children
from greenscale_operator.cluster import DEPLOYMENT, SCALED_OBJECT, TRIGGER_AUTHENTICATION, Kind
from greenscale_operator.config_maps import READ_SECONDS, ConfigMaps
from greenscale_operator.desired import CONFIG_ANNOTATION, config_maps, deployment, with_config
from greenscale_operator.errors import Lasting, NameConflict, Rejected
from greenscale_operator.look import Look
from greenscale_operator.memory import STUCK_SECONDS
from greenscale_operator.objects import Install
from greenscale_operator.observed import Fault
from greenscale_operator.overlay import InvalidPodTemplate
from greenscale_operator.scaled_object import Switches, scaled_object, trigger_authentication
from greenscale_operator.seen import Key, Seen
from greenscale_operator.workload import Workload

Body = dict[str, Any]

DRAINING_SECONDS = 1.0
"""How often a suspended workload is looked at until it is drained."""

FORMER_VERSION = "The former version stays in place."


@dataclasses.dataclass
class Attempt:
    """What came of trying every change."""

    changes: dict[Kind, Change] = dataclasses.field(default_factory=dict)
    refusals: dict[Kind, Fault] = dataclasses.field(default_factory=dict)
    """What the spec asks for and the API server does not accept."""
    errors: dict[Kind, Lasting] = dataclasses.field(default_factory=dict)
    """What could not be tried, whatever the spec."""


class Making:
    """Makes one workload's objects at a time."""

    def __init__(self, children: Children, seen: Seen, install: Install, config_maps: ConfigMaps) -> None:
        self._children = children
        self._seen = seen
        self._install = install
        self._config_maps = config_maps

    async def make(self, look: Look, workload: Workload) -> None:
        """Make or mend what the workload needs; what fails for long becomes a fault of the look.

        Raises:
            Passing: The API server could not do it just now.
        """
        if look.spec_fault:
            return
        attempt = Attempt()
        await self._try_deployment(attempt, look, workload)
        # A ScaledObject without our Deployment would scale somebody else's. With one, suspending must stop its pods
        # though the new version of it is refused.
        is_ours = look.deployment is not None and not isinstance(attempt.errors.get(DEPLOYMENT), NameConflict)
        stops_former = workload.suspend and is_ours
        if DEPLOYMENT in attempt.changes or DEPLOYMENT in attempt.refusals or stops_former:
            await self._try_scaler(attempt, look, workload)
        _report(attempt, look)
        for kind in _order(attempt, stops_former=stops_former):
            if not await self._carry_out(look, workload, attempt.changes[kind]) and not stops_former:
                return

    async def _try_deployment(self, attempt: Attempt, look: Look, workload: Workload) -> None:
        try:
            manifest = await self._with_config(look, workload, deployment(workload, self._install))
        except InvalidPodTemplate as error:
            attempt.refusals[DEPLOYMENT] = Fault("InvalidSpec", f"{error}: edit the spec.")
        else:
            await self._try(attempt, look, DEPLOYMENT, workload, manifest)

    async def _try_scaler(self, attempt: Attempt, look: Look, workload: Workload) -> None:
        live = self._seen.children.get((SCALED_OBJECT.kind, Key(workload.namespace, workload.name)))
        if live is None and look.stats is None:
            return  # KEDA gives up for up to 16 minutes on a Redis that is not there at the start
        authentication = trigger_authentication(workload)
        if authentication:
            await self._try(attempt, look, TRIGGER_AUTHENTICATION, workload, authentication)
        switches = self._switches(look, workload, live)
        await self._try(attempt, look, SCALED_OBJECT, workload, scaled_object(workload, self._install, switches))

    async def _try(self, attempt: Attempt, look: Look, kind: Kind, workload: Workload, manifest: Body) -> None:
        try:
            attempt.changes[kind] = await self._children.prepare(kind, workload, manifest)
        except Rejected as error:
            again = f"It is tried again every {error.retry_seconds:.0f} s."
            attempt.refusals[kind] = Fault(look.fault(error).reason, f"{error} {again}")
        except Lasting as error:
            look.again_in(error.retry_seconds)
            attempt.errors[kind] = error

    async def _carry_out(self, look: Look, workload: Workload, change: Change) -> bool:
        """Return whether it was done."""
        try:
            made = await self._children.carry_out(change)
            if change.kind is SCALED_OBJECT and trigger_authentication(workload) is None:
                await self._children.remove(TRIGGER_AUTHENTICATION, workload)
        except Lasting as error:
            fault = look.fault(error)
            _note(look, change.kind, fault)
            if isinstance(error, Rejected):
                look.refusal, look.is_accepted = fault, False
            return False
        if change.kind is DEPLOYMENT:
            look.deployment = made
        elif change.kind is SCALED_OBJECT:
            look.scaled_object = made
        return True

    async def _with_config(self, look: Look, workload: Workload, manifest: Body) -> Body:
        """Return the Deployment with its ConfigMaps' digest; where one cannot be read, with the one it has."""
        names = config_maps(manifest)
        if not names:
            return manifest
        look.again_in(READ_SECONDS)
        digest = await self._config_maps.digest(workload.namespace, names)
        if digest is None and look.deployment:
            metadata = look.deployment["spec"]["template"].get("metadata", {})
            digest = metadata.get("annotations", {}).get(CONFIG_ANNOTATION)
        return with_config(manifest, digest) if digest else manifest

    def _switches(self, look: Look, workload: Workload, live: Body | None) -> Switches:
        memory, stats = look.memory, look.stats
        was = live["metadata"].get("annotations", {}) if live else {}
        if memory.should_nudge(observed.scaler(live), redis_answers=stats is not None, now=look.now):
            memory.nudged_at = look.now
            nudged = "autoscaling.keda.sh/force-activation" not in was
        else:
            nudged = "autoscaling.keda.sh/force-activation" in was
        if memory.stuck_since is not None:
            look.again_in(STUCK_SECONDS)
        drained = stats is not None and stats.in_flight == 0
        paused = workload.suspend and (drained or "autoscaling.keda.sh/paused-replicas" in was)
        if workload.suspend and not paused:
            look.again_in(DRAINING_SECONDS)
        return Switches(paused=paused, nudged=nudged)


def _order(attempt: Attempt, *, stops_former: bool) -> list[Kind]:
    """Return what is changed, in order: nothing where anything is refused, but for what stops the former version."""
    changes = attempt.changes
    order = [DEPLOYMENT] if DEPLOYMENT in changes and not attempt.refusals else []
    has_authentication = TRIGGER_AUTHENTICATION not in attempt.refusals.keys() | attempt.errors.keys()
    if (order or stops_former) and SCALED_OBJECT in changes and has_authentication:
        order += [kind for kind in (TRIGGER_AUTHENTICATION, SCALED_OBJECT) if kind in changes]
    return order


def _report(attempt: Attempt, look: Look) -> None:
    """Write down what the trial has shown."""
    look.is_accepted = {DEPLOYMENT, SCALED_OBJECT} <= attempt.changes.keys() and not attempt.refusals
    for kind, error in attempt.errors.items():
        _note(look, kind, Fault(error.reason, str(error)))
    if not attempt.refusals:
        return
    first, *_ = attempt.refusals.values()
    words = [fault.message for fault in attempt.refusals.values()]
    if look.deployment is not None:
        words.append(FORMER_VERSION)
    look.refusal = Fault(first.reason, " ".join(words))
    for kind in attempt.refusals:
        if (look.deployment if kind is DEPLOYMENT else look.scaled_object) is None:
            _note(look, kind, look.refusal)


def _note(look: Look, kind: Kind, fault: Fault) -> None:
    if kind is DEPLOYMENT:
        look.worker_fault = fault
    else:
        look.scaler_fault = fault
