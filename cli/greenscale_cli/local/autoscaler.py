"""What KEDA and the HPA would do with a workload's ScaledObject.

Pure: no I/O, no clock. `supervisor` measures, asks `decide`, and obeys.
Not imitated: the HPA's own period of 15 s and the rate limits of its `behavior` (here every poll counts),
cron triggers, and KEDA's pause annotations.
"""

import dataclasses
import math
from typing import Any


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
    shrinks: bool
    """Whether the HPA may take replicas away while there is work (`Gradual`)."""
    stabilization_seconds: float
    """The HPA shrinks to the most that it wanted within this time."""

    @classmethod
    def read(cls, manifest: dict[str, Any]) -> "ScaledObject":
        """Read what `greenscale_operator.desired` makes of a workload."""
        spec = manifest["spec"]
        advanced = spec["advanced"]
        scale_down = advanced["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        pending = next(trigger for trigger in spec["triggers"] if trigger["name"] == "pending")
        return cls(
            list_name=pending["metadata"]["listName"],
            polling_interval=spec["pollingInterval"],
            cooldown_period=spec["cooldownPeriod"],
            min_replicas=spec.get("minReplicaCount", 0),
            max_replicas=spec["maxReplicaCount"],
            target=float(advanced["scalingModifiers"]["target"]),
            shrinks=scale_down["selectPolicy"] != "Disabled",
            stabilization_seconds=scale_down["stabilizationWindowSeconds"],
        )


@dataclasses.dataclass(frozen=True)
class Position:
    """Where the scaling stands: what is wanted, and what it remembers."""

    replicas: int
    last_active: float | None = None
    """Unix seconds of the last poll that found work; None if none ever did."""
    wishes: tuple[tuple[float, int], ...] = ()
    """What the HPA wanted lately: (Unix seconds, replicas)."""


def decide(scaled: ScaledObject, position: Position, work: int, *, now: float) -> Position:
    """Return the position after a poll that found `work` jobs, waiting and running together.

    Source: keda-kopf.md 1.3; from zero to one is KEDA's, from one to many the HPA's, from any number to the
    least KEDA's again, once the cooldown is over.
    """
    if work > 0:
        wishes = _recent(position.wishes, scaled, now=now, wish=_wish(scaled, work))
        return Position(_scaled_by_hpa(scaled, position.replicas, wishes), now, wishes)
    asleep = asleep_at(scaled, position)
    if position.replicas > scaled.min_replicas and asleep is not None and now < asleep:
        return dataclasses.replace(position, wishes=())
    return Position(scaled.min_replicas, position.last_active)


def asleep_at(scaled: ScaledObject, position: Position) -> float | None:
    """Return when the cooldown is over (Unix seconds) if no job comes; None if none ever came."""
    return None if position.last_active is None else position.last_active + scaled.cooldown_period


def _wish(scaled: ScaledObject, work: int) -> int:
    least = max(scaled.min_replicas, 1)
    return max(least, min(scaled.max_replicas, math.ceil(work / scaled.target)))


def _recent(
    wishes: tuple[tuple[float, int], ...], scaled: ScaledObject, *, now: float, wish: int
) -> tuple[tuple[float, int], ...]:
    kept = [past for past in wishes if now - past[0] < scaled.stabilization_seconds]
    return (*kept, (now, wish))


def _scaled_by_hpa(scaled: ScaledObject, replicas: int, wishes: tuple[tuple[float, int], ...]) -> int:
    if replicas == 0:
        return max(scaled.min_replicas, 1)
    newest = wishes[-1][1]
    if newest >= replicas:
        return newest
    return min(replicas, max(wish for _, wish in wishes)) if scaled.shrinks else replicas
