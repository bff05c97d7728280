"""What KEDA and the HPA would do with a workload's ScaledObject.

Pure: no I/O, no clock. `supervisor` measures, asks `decide`, and obeys.
Not imitated: the HPA's own period of 15 s and the rate limits of its `behavior` (here every poll counts), and KEDA's
pause annotations.
"""

import dataclasses
import math
from typing import Any

from greenscale_jobs.workloads import Kept
from greenscale_operator import schedules
from greenscale_operator.workload import Schedule

TOLERANCE = 0.1
"""The HPA leaves the replicas as they are while the work is within so much of what they are for."""


@dataclasses.dataclass(frozen=True)
class ScaledObject:
    """The part of a ScaledObject that decides; times in seconds."""

    list_name: str
    polling_interval: float
    cooldown_period: float
    min_replicas: int
    max_replicas: int
    target: float
    """Work for each replica: `scalingModifiers.target`, an AverageValue."""
    counts_workers: bool
    """Whether the formula holds as many replicas as workers live while there is work (`WhenIdle`)."""
    shrinks: bool
    """Whether the HPA may take replicas away."""
    stabilization_seconds: float
    """The HPA shrinks to the most that it wanted within this time."""
    schedules: tuple[Schedule, ...] = ()
    """They keep replicas."""

    @classmethod
    def read(cls, manifest: dict[str, Any]) -> "ScaledObject":
        """Read what `greenscale_operator.manifest` makes of a workload."""
        spec = manifest["spec"]
        advanced = spec["advanced"]
        scale_down = advanced["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        triggers = {trigger["name"]: trigger for trigger in spec["triggers"]}
        crons = tuple(_schedule(trigger["metadata"]) for trigger in spec["triggers"] if trigger["type"] == "cron")
        return cls(
            list_name=triggers["pending"]["metadata"]["listName"],
            polling_interval=spec["pollingInterval"],
            cooldown_period=spec["cooldownPeriod"],
            min_replicas=spec.get("minReplicaCount", 0),
            max_replicas=spec["maxReplicaCount"],
            target=float(advanced["scalingModifiers"]["target"]),
            counts_workers="workers" in triggers,
            shrinks=scale_down["selectPolicy"] != "Disabled",
            stabilization_seconds=scale_down["stabilizationWindowSeconds"],
            schedules=crons,
        )

    def kept(self, now: float) -> Kept | None:
        """Return which schedule keeps workers now."""
        return schedules.kept(self.schedules, now)


def _schedule(metadata: dict[str, str]) -> Schedule:
    """Read a cron trigger, which asks for one more than it means."""
    replicas = int(metadata["desiredReplicas"]) - 1
    return Schedule(metadata["start"], metadata["end"], replicas, metadata["timezone"])


@dataclasses.dataclass(frozen=True)
class Position:
    """Where the scaling stands: what is wanted, and what it remembers."""

    replicas: int
    last_active: float | None = None
    """Unix seconds of the last poll that found work, or a schedule's time; None if none ever did."""
    wishes: tuple[tuple[float, int], ...] = ()
    """What the HPA wanted lately: (Unix seconds, replicas)."""


def value(scaled: ScaledObject, *, work: int, workers: int, now: float) -> float:
    """Return what the ScaledObject's formula gives."""
    held = max(work, workers * scaled.target) if scaled.counts_workers else work
    kept = scaled.kept(now)
    return max(held if work > 0 else 0, kept.replicas * scaled.target if kept else 0)


def decide(scaled: ScaledObject, position: Position, *, work: int, workers: int, now: float) -> Position:
    """Return the position after a poll that found `work` jobs, waiting and running together, and live `workers`.

    Source: KEDA, pkg/scaling/executor/scale_scaledobjects.go. From zero to one, and from any number to zero once the
    cooldown is over, is KEDA's; all else is the HPA's.
    """
    asked = value(scaled, work=work, workers=workers, now=now)
    last_active = now if asked > 0 else position.last_active
    replicas = position.replicas
    if replicas == 0:
        return Position(max(scaled.min_replicas, 1) if asked > 0 else scaled.min_replicas, last_active)
    asleep = asleep_at(scaled, position)
    if asked == 0 and scaled.min_replicas == 0 and (asleep is None or now >= asleep):
        return Position(0, last_active)
    wishes = _recent(position.wishes, scaled, now=now, wish=_wish(scaled, replicas, asked))
    return Position(_scaled_by_hpa(scaled, replicas, wishes), last_active, wishes)


def asleep_at(scaled: ScaledObject, position: Position) -> float | None:
    """Return when the cooldown is over (Unix seconds) if no job comes; None if none ever came."""
    return None if position.last_active is None else position.last_active + scaled.cooldown_period


def _wish(scaled: ScaledObject, replicas: int, asked: float) -> int:
    wish = math.ceil(asked / scaled.target)
    if abs(asked / (scaled.target * replicas) - 1) <= TOLERANCE:
        wish = replicas
    return max(scaled.min_replicas, 1, min(scaled.max_replicas, wish))


def _recent(
    wishes: tuple[tuple[float, int], ...], scaled: ScaledObject, *, now: float, wish: int
) -> tuple[tuple[float, int], ...]:
    kept = [(at, earlier) for at, earlier in wishes if now - at < scaled.stabilization_seconds]
    return (*kept, (now, wish))


def _scaled_by_hpa(scaled: ScaledObject, replicas: int, wishes: tuple[tuple[float, int], ...]) -> int:
    newest = wishes[-1][1]
    if newest >= replicas:
        return newest
    return min(replicas, max(wish for _, wish in wishes)) if scaled.shrinks else replicas
