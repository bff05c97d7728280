"""Applies a workload's objects: which, in what order, and what becomes of a reconciliation where one is refused.

Nothing is changed before the API server has accepted every change in a dry run: a spec that it refuses leaves the
former version as it is.
"""

import dataclasses
from typing import Any

from greenscale_operator import facts
from greenscale_operator.children import Change, Children
from greenscale_operator.cluster import SCALED_OBJECT, TRIGGER_AUTHENTICATION
from greenscale_operator.config_maps import READ_SECONDS, ConfigMaps
from greenscale_operator.errors import Lasting, NameConflict, Rejected
from greenscale_operator.facts import Problem
from greenscale_operator.kinds import DEPLOYMENT, Kind
from greenscale_operator.manifest import CONFIG_ANNOTATION, config_maps, deployment, with_config
from greenscale_operator.memory import STUCK_SECONDS
from greenscale_operator.objects import Install
from greenscale_operator.overlay import InvalidPodTemplate
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.scaled_object import Switches, scaled_object, trigger_authentication
from greenscale_operator.watch_cache import Key, WatchCache
from greenscale_operator.workload import Workload

Body = dict[str, Any]

DRAINING_SECONDS = 1.0
"""How often a suspended workload is looked at until it is drained."""

FORMER_VERSION = "The former version stays in place."


@dataclasses.dataclass
class Attempt:
    """What came of trying every change."""

    changes: dict[Kind, Change] = dataclasses.field(default_factory=dict)
    refusals: dict[Kind, Problem] = dataclasses.field(default_factory=dict)
    """What the spec asks for and the API server does not accept."""
    errors: dict[Kind, Lasting] = dataclasses.field(default_factory=dict)
    """What could not be tried, whatever the spec."""


class Applier:
    """Applies one workload's objects at a time."""

    def __init__(self, children: Children, cache: WatchCache, install: Install, config_maps: ConfigMaps) -> None:
        self._children = children
        self._cache = cache
        self._install = install
        self._config_maps = config_maps

    async def apply(self, reconciliation: Reconciliation, workload: Workload) -> None:
        """Make or mend what the workload needs; what fails for long becomes a problem of the reconciliation.

        Raises:
            Passing: The API server could not do it just now.
        """
        if reconciliation.spec_problem:
            return
        attempt = Attempt()
        await self._try_deployment(attempt, reconciliation, workload)
        # A ScaledObject without our Deployment would scale somebody else's. With one, suspending must stop its pods
        # though the new version of it is refused.
        is_ours = reconciliation.deployment is not None and not isinstance(attempt.errors.get(DEPLOYMENT), NameConflict)
        stops_former = workload.suspend and is_ours
        if DEPLOYMENT in attempt.changes or DEPLOYMENT in attempt.refusals or stops_former:
            await self._try_scaler(attempt, reconciliation, workload)
        _report(attempt, reconciliation)
        for kind in _order(attempt, stops_former=stops_former):
            if not await self._carry_out(reconciliation, workload, attempt.changes[kind]) and not stops_former:
                return

    async def _try_deployment(self, attempt: Attempt, reconciliation: Reconciliation, workload: Workload) -> None:
        try:
            manifest = await self._with_config(reconciliation, workload, deployment(workload, self._install))
        except InvalidPodTemplate as error:
            attempt.refusals[DEPLOYMENT] = Problem("InvalidSpec", f"{error}: edit the spec.")
        else:
            await self._try(attempt, reconciliation, DEPLOYMENT, workload, manifest)

    async def _try_scaler(self, attempt: Attempt, reconciliation: Reconciliation, workload: Workload) -> None:
        live = self._cache.children.get((SCALED_OBJECT.kind, Key(workload.namespace, workload.name)))
        if live is None and reconciliation.stats is None:
            return  # KEDA gives up for up to 16 minutes on a Redis that is not there at the start
        authentication = trigger_authentication(workload)
        if authentication:
            await self._try(attempt, reconciliation, TRIGGER_AUTHENTICATION, workload, authentication)
        switches = self._switches(reconciliation, workload, live)
        await self._try(
            attempt, reconciliation, SCALED_OBJECT, workload, scaled_object(workload, self._install, switches)
        )

    async def _try(
        self, attempt: Attempt, reconciliation: Reconciliation, kind: Kind, workload: Workload, manifest: Body
    ) -> None:
        try:
            attempt.changes[kind] = await self._children.prepare(kind, workload, manifest)
        except Rejected as error:
            again = f"It is tried again every {error.retry_seconds:.0f} s."
            attempt.refusals[kind] = Problem(reconciliation.problem(error).reason, f"{error} {again}")
        except Lasting as error:
            reconciliation.again_in(error.retry_seconds)
            attempt.errors[kind] = error

    async def _carry_out(self, reconciliation: Reconciliation, workload: Workload, change: Change) -> bool:
        """Return whether it was done."""
        try:
            made = await self._children.carry_out(change)
            if change.kind is SCALED_OBJECT and trigger_authentication(workload) is None:
                await self._children.remove(TRIGGER_AUTHENTICATION, workload)
        except Lasting as error:
            problem = reconciliation.problem(error)
            _note(reconciliation, change.kind, problem)
            if isinstance(error, Rejected):
                reconciliation.refusal, reconciliation.is_accepted = problem, False
            return False
        if change.kind is DEPLOYMENT:
            reconciliation.deployment = made
        elif change.kind is SCALED_OBJECT:
            reconciliation.scaled_object = made
        return True

    async def _with_config(self, reconciliation: Reconciliation, workload: Workload, manifest: Body) -> Body:
        """Return the Deployment with its ConfigMaps' digest; where one cannot be read, with the one it has."""
        names = config_maps(manifest)
        if not names:
            return manifest
        reconciliation.again_in(READ_SECONDS)
        digest = await self._config_maps.digest(workload.namespace, names)
        if digest is None and reconciliation.deployment:
            metadata = reconciliation.deployment["spec"]["template"].get("metadata", {})
            digest = metadata.get("annotations", {}).get(CONFIG_ANNOTATION)
        return with_config(manifest, digest) if digest else manifest

    def _switches(self, reconciliation: Reconciliation, workload: Workload, live: Body | None) -> Switches:
        memory, stats = reconciliation.memory, reconciliation.stats
        was = live["metadata"].get("annotations", {}) if live else {}
        if memory.should_nudge(facts.scaler(live), redis_answers=stats is not None, now=reconciliation.now):
            memory.nudged_at = reconciliation.now
            nudged = "autoscaling.keda.sh/force-activation" not in was
        else:
            nudged = "autoscaling.keda.sh/force-activation" in was
        if memory.stuck_since is not None:
            reconciliation.again_in(STUCK_SECONDS)
        drained = stats is not None and stats.in_flight == 0
        paused = workload.suspend and (drained or "autoscaling.keda.sh/paused-replicas" in was)
        if workload.suspend and not paused:
            reconciliation.again_in(DRAINING_SECONDS)
        return Switches(paused=paused, nudged=nudged)


def _order(attempt: Attempt, *, stops_former: bool) -> list[Kind]:
    """Return what is changed, in order: nothing where anything is refused, but for what stops the former version."""
    changes = attempt.changes
    order = [DEPLOYMENT] if DEPLOYMENT in changes and not attempt.refusals else []
    has_authentication = TRIGGER_AUTHENTICATION not in attempt.refusals.keys() | attempt.errors.keys()
    if (order or stops_former) and SCALED_OBJECT in changes and has_authentication:
        order += [kind for kind in (TRIGGER_AUTHENTICATION, SCALED_OBJECT) if kind in changes]
    return order


def _report(attempt: Attempt, reconciliation: Reconciliation) -> None:
    """Write down what the trial has shown."""
    reconciliation.is_accepted = {DEPLOYMENT, SCALED_OBJECT} <= attempt.changes.keys() and not attempt.refusals
    for kind, error in attempt.errors.items():
        _note(reconciliation, kind, Problem(error.reason, str(error)))
    if not attempt.refusals:
        return
    first, *_ = attempt.refusals.values()
    words = [problem.message for problem in attempt.refusals.values()]
    if reconciliation.deployment is not None:
        words.append(FORMER_VERSION)
    reconciliation.refusal = Problem(first.reason, " ".join(words))
    for kind in attempt.refusals:
        if (reconciliation.deployment if kind is DEPLOYMENT else reconciliation.scaled_object) is None:
            _note(reconciliation, kind, reconciliation.refusal)


def _note(reconciliation: Reconciliation, kind: Kind, problem: Problem) -> None:
    if kind is DEPLOYMENT:
        reconciliation.worker_problem = problem
    else:
        reconciliation.scaler_problem = problem
