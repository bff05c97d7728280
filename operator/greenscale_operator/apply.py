"""Applies a workload's objects: which, in what order, and what becomes of a reconciliation where one is refused.

Nothing is changed before the API server has accepted every change in a dry run: a spec that it refuses leaves the
former version as it is.
"""

import dataclasses

from msgspec.structs import replace

from greenscale_jobs.workloads import Problem
from greenscale_operator.children import Change, Children
from greenscale_operator.config_maps import READ_SECONDS, ConfigMaps
from greenscale_operator.errors import Lasting, NameConflict, Passing, Rejected
from greenscale_operator.kinds import DEPLOYMENT, Kind
from greenscale_operator.manifest import CONFIG_ANNOTATION, config_maps, deployment, with_config
from greenscale_operator.memory import STUCK_SECONDS, Memory
from greenscale_operator.objects import Install
from greenscale_operator.overlay import InvalidPodTemplate
from greenscale_operator.reconciliation import Body, ObjectFinding, Reconciliation, soonest
from greenscale_operator.scalers import ScalerDriver, Switches
from greenscale_operator.watch_cache import Key, WatchCache
from greenscale_operator.workload import Workload

DRAINING_SECONDS = 1.0
"""How often a suspended workload is reconciled until it is drained."""

FORMER_VERSION = "The former version stays in place."


@dataclasses.dataclass
class Attempt:
    """What came of trying every change, while one workload's are tried."""

    changes: dict[Kind, Change] = dataclasses.field(default_factory=dict)
    refusals: dict[Kind, Problem] = dataclasses.field(default_factory=dict)
    """What the spec asks for and the API server does not accept."""
    errors: dict[Kind, Lasting] = dataclasses.field(default_factory=dict)
    """What could not be tried, whatever the spec."""
    again: float | None = None

    @property
    def failed(self) -> set[Kind]:
        """What cannot be applied."""
        return {*self.refusals, *self.errors}

    def again_in(self, seconds: float) -> None:
        """Reconcile again in so many seconds, or sooner."""
        self.again = soonest(self.again, seconds)


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
        self._cache = cache
        self._scaler = scaler
        self._install = install
        self._config_maps = config_maps

    def present(self, key: Key, uid: str) -> ObjectFinding:
        """Return the workload's own objects, as the watches have shown them."""
        return ObjectFinding(
            deployment=_present(self._cache.children.get((DEPLOYMENT.kind, key)), uid),
            scaled_object=_present(self._cache.children.get((self._scaler.scaling_kind.kind, key)), uid),
        )

    def deployment_of(self, key: Key) -> Body | None:
        """Return the Deployment of a workload, whoever owns it, as its watch has shown it."""
        return self._cache.children.get((DEPLOYMENT.kind, key))

    async def apply(self, found: Reconciliation, workload: Workload, memory: Memory) -> ObjectFinding:
        """Make or mend what the workload needs; what fails for long becomes a problem of the finding.

        Raises:
            Passing: The API server could not try it just now; nothing was changed.
        """
        before, attempt = found.objects, Attempt()
        await self._try_deployment(attempt, before, workload)
        # A scaler without our Deployment would scale somebody else's. With one, suspending must stop its pods though
        # the new version of it is refused.
        is_ours = before.deployment is not None and not isinstance(attempt.errors.get(DEPLOYMENT), NameConflict)
        stops_former = workload.suspend and is_ours
        if DEPLOYMENT in attempt.changes or DEPLOYMENT in attempt.refusals or stops_former:
            await self._try_scaler(attempt, found, workload, memory)
        objects = _tried(attempt, before, self._scaler.scaling_kind)
        for kind in self._order(attempt, stops_former=stops_former):
            objects, is_done = await self._carry_out(objects, workload, attempt.changes[kind])
            if objects.error or not (is_done or stops_former):
                break
        return objects

    async def _try_deployment(self, attempt: Attempt, before: ObjectFinding, workload: Workload) -> None:
        try:
            manifest = await self._with_config(attempt, before, workload, deployment(workload, self._install))
        except InvalidPodTemplate as error:
            attempt.refusals[DEPLOYMENT] = Problem("InvalidSpec", f"{error}: edit the spec.")
        else:
            await self._try(attempt, DEPLOYMENT, workload, manifest)

    async def _try_scaler(self, attempt: Attempt, found: Reconciliation, workload: Workload, memory: Memory) -> None:
        live = self._cache.children.get((self._scaler.scaling_kind.kind, Key(workload.namespace, workload.name)))
        if live is None and found.queue.stats is None:
            return  # a scaler may give up for long on a Redis that is not there at the start
        switches = self._switches(attempt, found, workload, memory, live)
        for kind, manifest in self._scaler.manifests(workload, self._install, switches):
            await self._try(attempt, kind, workload, manifest)

    async def _try(self, attempt: Attempt, kind: Kind, workload: Workload, manifest: Body) -> None:
        try:
            attempt.changes[kind] = await self._children.prepare(kind, workload, manifest)
        except Rejected as error:
            attempt.again_in(error.retry_seconds)
            refused = Problem(error.reason, f"{error} It is tried again every {error.retry_seconds:.0f} s.")
            attempt.refusals[kind] = self._scaler.explained(refused, workload.namespace)
        except Lasting as error:
            attempt.again_in(error.retry_seconds)
            attempt.errors[kind] = error

    async def _carry_out(
        self, objects: ObjectFinding, workload: Workload, change: Change
    ) -> tuple[ObjectFinding, bool]:
        """Return the objects after the change, and whether it was done."""
        is_scaling = change.kind is self._scaler.scaling_kind
        try:
            made = await self._children.carry_out(change)
            if is_scaling:
                await self._remove_unneeded(workload)
        except Passing as error:
            return replace(objects, error=error), False
        except Lasting as error:
            problem = self._scaler.explained(Problem(error.reason, str(error)), workload.namespace)
            objects = replace(_with(objects, change.kind, problem), again=soonest(objects.again, error.retry_seconds))
            if isinstance(error, Rejected):
                objects = replace(objects, refusal=problem, is_accepted=False)
            return objects, False
        if change.kind is DEPLOYMENT:
            objects = replace(objects, deployment=made)
        elif is_scaling:
            objects = replace(objects, scaled_object=made)
        return objects, True

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

    async def _with_config(self, attempt: Attempt, before: ObjectFinding, workload: Workload, manifest: Body) -> Body:
        """Return the Deployment with its ConfigMaps' digest; where one cannot be read, with the one it has."""
        names = config_maps(manifest)
        if not names:
            return manifest
        attempt.again_in(READ_SECONDS)
        digest = await self._config_maps.digest(workload.namespace, names)
        if digest is None and before.deployment:
            metadata = before.deployment["spec"]["template"].get("metadata", {})
            digest = metadata.get("annotations", {}).get(CONFIG_ANNOTATION)
        return with_config(manifest, digest) if digest else manifest

    def _switches(
        self, attempt: Attempt, found: Reconciliation, workload: Workload, memory: Memory, live: Body | None
    ) -> Switches:
        stats = found.queue.stats
        was = self._scaler.switches(live) if live else Switches()
        nudged = was.nudged
        if memory.should_nudge(self._scaler.read(live), redis_answers=stats is not None, now=found.now):
            memory.nudged_at, nudged = found.now, not nudged
        if memory.stuck_since is not None:
            attempt.again_in(STUCK_SECONDS)
        drained = stats is not None and stats.in_flight == 0
        paused = workload.suspend and (drained or was.paused)
        if workload.suspend and not paused:
            attempt.again_in(DRAINING_SECONDS)
        return Switches(paused=paused, nudged=nudged)


def _present(child: Body | None, uid: str) -> Body | None:
    """Return a child of this very workload that is not being deleted."""
    metadata = child["metadata"] if child else {}
    is_own = any(owner["uid"] == uid for owner in metadata.get("ownerReferences", []))
    return child if is_own and not metadata.get("deletionTimestamp") else None


def _tried(attempt: Attempt, before: ObjectFinding, scaling_kind: Kind) -> ObjectFinding:
    """Return what came of trying every change."""
    is_accepted = {DEPLOYMENT, scaling_kind} <= attempt.changes.keys() and not attempt.refusals
    objects = replace(before, is_accepted=is_accepted, again=attempt.again)
    for kind, error in attempt.errors.items():
        objects = _with(objects, kind, Problem(error.reason, str(error)))
    if not attempt.refusals:
        return objects
    first, *_ = attempt.refusals.values()
    words = [problem.message for problem in attempt.refusals.values()]
    if before.deployment is not None:
        words.append(FORMER_VERSION)
    refusal = Problem(first.reason, " ".join(words))
    for kind in attempt.refusals:
        if (before.deployment if kind is DEPLOYMENT else before.scaled_object) is None:
            objects = _with(objects, kind, refusal)
    return replace(objects, refusal=refusal)


def _with(objects: ObjectFinding, kind: Kind, problem: Problem) -> ObjectFinding:
    """Return the objects with what keeps one of this kind from being there."""
    if kind is DEPLOYMENT:
        return replace(objects, worker_problem=problem)
    return replace(objects, scaler_problem=problem)
