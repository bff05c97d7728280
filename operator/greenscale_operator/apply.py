"""Applies a workload's objects: which, in what order, and what becomes of a reconciliation where one is refused.

Nothing is changed before the API server has accepted every change in a dry run: a spec that it refuses leaves the
former version as it is.
"""

import dataclasses
from typing import Any

from greenscale_operator.children import Change, Children
from greenscale_operator.config_maps import READ_SECONDS, ConfigMaps
from greenscale_operator.errors import Lasting, NameConflict, Rejected
from greenscale_operator.facts import Problem
from greenscale_operator.kinds import DEPLOYMENT, Kind
from greenscale_operator.manifest import CONFIG_ANNOTATION, config_maps, deployment, with_config
from greenscale_operator.memory import STUCK_SECONDS
from greenscale_operator.objects import Install
from greenscale_operator.overlay import InvalidPodTemplate
from greenscale_operator.reconciliation import Reconciliation
from greenscale_operator.scalers import ScalerDriver, Switches
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

    @property
    def failed(self) -> set[Kind]:
        """What cannot be applied."""
        return {*self.refusals, *self.errors}


class Applier:
    """Applies one workload's objects at a time."""

    def __init__(
        self,
        children: Children,
        cache: WatchCache,
        scaler: ScalerDriver,
        install: Install,
        config_maps: ConfigMaps,
    ) -> None:
        self._children = children
        self._scaler = scaler
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
        # A scaler without our Deployment would scale somebody else's. With one, suspending must stop its pods though
        # the new version of it is refused.
        is_ours = reconciliation.deployment is not None and not isinstance(attempt.errors.get(DEPLOYMENT), NameConflict)
        stops_former = workload.suspend and is_ours
        if DEPLOYMENT in attempt.changes or DEPLOYMENT in attempt.refusals or stops_former:
            await self._try_scaler(attempt, reconciliation, workload)
        _report(attempt, reconciliation, self._scaler.scaling_kind)
        for kind in self._order(attempt, stops_former=stops_former):
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
        live = self._cache.children.get((self._scaler.scaling_kind.kind, Key(workload.namespace, workload.name)))
        if live is None and reconciliation.stats is None:
            return  # a scaler may give up for long on a Redis that is not there at the start
        switches = self._switches(reconciliation, workload, live)
        for kind, manifest in self._scaler.manifests(workload, self._install, switches):
            await self._try(attempt, reconciliation, kind, workload, manifest)

    async def _try(
        self, attempt: Attempt, reconciliation: Reconciliation, kind: Kind, workload: Workload, manifest: Body
    ) -> None:
        try:
            attempt.changes[kind] = await self._children.prepare(kind, workload, manifest)
        except Rejected as error:
            again = f"It is tried again every {error.retry_seconds:.0f} s."
            refused = Problem(reconciliation.problem(error).reason, f"{error} {again}")
            attempt.refusals[kind] = self._scaler.explained(refused, workload.namespace)
        except Lasting as error:
            reconciliation.again_in(error.retry_seconds)
            attempt.errors[kind] = error

    async def _carry_out(self, reconciliation: Reconciliation, workload: Workload, change: Change) -> bool:
        """Return whether it was done."""
        try:
            made = await self._children.carry_out(change)
            if change.kind is self._scaler.scaling_kind:
                await self._remove_unneeded(workload)
        except Lasting as error:
            problem = self._scaler.explained(reconciliation.problem(error), workload.namespace)
            _note(reconciliation, change.kind, problem)
            if isinstance(error, Rejected):
                reconciliation.refusal, reconciliation.is_accepted = problem, False
            return False
        if change.kind is DEPLOYMENT:
            reconciliation.deployment = made
        elif change.kind is self._scaler.scaling_kind:
            reconciliation.scaled_object = made
        return True

    async def _remove_unneeded(self, workload: Workload) -> None:
        """Remove what the scaler needed once, a way to reach Redis, say, and does not any more."""
        needed = {kind for kind, _ in self._scaler.manifests(workload, self._install, Switches())}
        for kind in self._scaler.kinds:
            if kind not in needed:
                await self._children.remove(kind, workload)

    def _order(self, attempt: Attempt, *, stops_former: bool) -> list[Kind]:
        """Return what is changed, in order. Where anything is refused: only what stops the former version."""
        changes = attempt.changes
        order = [DEPLOYMENT] if DEPLOYMENT in changes and not attempt.refusals else []
        *needed, scaling = self._scaler.kinds
        is_reachable = not attempt.failed & set(needed)
        if (order or stops_former) and scaling in changes and is_reachable:
            order += [kind for kind in self._scaler.kinds if kind in changes]
        return order

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
        was = self._scaler.switches(live) if live else Switches()
        nudged = was.nudged
        if memory.should_nudge(self._scaler.read(live), redis_answers=stats is not None, now=reconciliation.now):
            memory.nudged_at, nudged = reconciliation.now, not nudged
        if memory.stuck_since is not None:
            reconciliation.again_in(STUCK_SECONDS)
        drained = stats is not None and stats.in_flight == 0
        paused = workload.suspend and (drained or was.paused)
        if workload.suspend and not paused:
            reconciliation.again_in(DRAINING_SECONDS)
        return Switches(paused=paused, nudged=nudged)


def _report(attempt: Attempt, reconciliation: Reconciliation, scaling_kind: Kind) -> None:
    """Write down what the trial has shown."""
    reconciliation.is_accepted = {DEPLOYMENT, scaling_kind} <= attempt.changes.keys() and not attempt.refusals
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
