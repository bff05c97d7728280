"""Makes a workload's objects: which, in what order, and what becomes of a look where one cannot be made."""

from typing import Any

from greenscale_operator import observed
from greenscale_operator.children import Children
from greenscale_operator.cluster import DEPLOYMENT, SCALED_OBJECT, TRIGGER_AUTHENTICATION
from greenscale_operator.desired import deployment
from greenscale_operator.errors import Gone, Lasting
from greenscale_operator.look import Look
from greenscale_operator.memory import STUCK_SECONDS
from greenscale_operator.objects import Install
from greenscale_operator.scaled_object import Switches, scaled_object, trigger_authentication
from greenscale_operator.seen import Key, Seen
from greenscale_operator.workload import Workload

Body = dict[str, Any]

DRAINING_SECONDS = 1.0
"""How often a suspended workload is looked at until it is drained."""


class Making:
    """Makes one workload's objects at a time."""

    def __init__(self, children: Children, seen: Seen, install: Install) -> None:
        self._children = children
        self._seen = seen
        self._install = install

    async def make(self, look: Look, workload: Workload) -> None:
        """Make or mend what the workload needs; what fails becomes a fault of the look."""
        if look.spec_fault:
            return
        try:
            await self._make_each(look, workload)
        except Gone as error:
            look.passing = error

    async def _make_each(self, look: Look, workload: Workload) -> None:
        try:
            look.deployment = await self._children.ensure(DEPLOYMENT, workload, deployment(workload, self._install))
        except Lasting as error:
            look.worker_fault = look.fault(error)
            return  # a ScaledObject without our Deployment would scale somebody else's
        try:
            look.scaled_object = await self._make_scaled_object(look, workload)
        except Lasting as error:
            look.scaler_fault = look.fault(error)

    async def _make_scaled_object(self, look: Look, workload: Workload) -> Body | None:
        live = self._seen.children.get((SCALED_OBJECT.kind, Key(workload.namespace, workload.name)))
        if live is None and look.stats is None:
            return None  # KEDA gives up for up to 16 minutes on a Redis that is not there at the start
        authentication = trigger_authentication(workload)
        if authentication:
            await self._children.ensure(TRIGGER_AUTHENTICATION, workload, authentication)
        switches = self._switches(look, workload, live)
        manifest = scaled_object(workload, self._install, switches)
        applied = await self._children.ensure(SCALED_OBJECT, workload, manifest)
        if authentication is None:
            await self._children.remove(TRIGGER_AUTHENTICATION, workload)
        return applied

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
