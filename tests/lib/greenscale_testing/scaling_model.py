"""KEDA and the HPA as their code decides, driven by a real ScaledObject: nothing of ours is asked.

Sources: KEDA 2.21 pkg/scaling/executor/scale_scaledobjects.go, pkg/scaling/modifiers, pkg/scalers/cron_scaler.go;
Kubernetes 1.36 pkg/controller/podautoscaler/horizontal.go and replica_calculator.go. Times are Unix seconds.
"""

import dataclasses
import math
import zoneinfo
from typing import Any

from greenscale_operator.cron import read_cron
from greenscale_testing.formula import evaluate

Manifest = dict[str, Any]

SYNC_SECONDS = 15
"""The HPA's period."""

TOLERANCE = 0.1


@dataclasses.dataclass
class WatchCache:
    """What the redis triggers read."""

    pending: int
    inflight: int
    workers: int


def composite(manifest: Manifest, cache: WatchCache, now: float, *, cron_idle: int = 0) -> float:
    """Return what the formula gives; `cron_idle` is what a cron trigger is outside of its time (before 2.21: 1)."""
    values: dict[str, float] = {}
    for trigger in manifest["spec"]["triggers"]:
        if trigger["type"] == "cron":
            values[trigger["name"]] = _cron(trigger["metadata"], now, cron_idle)
        else:
            values[trigger["name"]] = getattr(cache, trigger["name"])
    return evaluate(manifest["spec"]["advanced"]["scalingModifiers"]["formula"], values)


def _cron(metadata: dict[str, str], now: float, idle: int) -> int:
    start, end = (_next(metadata[name], metadata["timezone"], now) for name in ("start", "end"))
    return idle if start < end else int(metadata["desiredReplicas"])


_known: dict[tuple[str, str], tuple[float, float]] = {}


def _next(line: str, zone: str, now: float) -> float:
    """Return when a line comes next; reckoned again only when it has come."""
    at, found = _known.get((line, zone), (now, now))
    if not at <= now < found:
        found = read_cron(line).next_after(now, zoneinfo.ZoneInfo(zone)) or float("inf")
        _known[line, zone] = now, found
    return found


@dataclasses.dataclass
class Keda:
    """The loop of one ScaledObject."""

    manifest: Manifest
    last_active: float | None = None

    @property
    def paused(self) -> bool:
        """Whether it is held at a number of replicas; then there is no HPA either."""
        return "autoscaling.keda.sh/paused-replicas" in self.manifest["metadata"].get("annotations", {})

    def poll(self, replicas: int, value: float, now: float) -> int:
        """Return the replicas after a look."""
        if self.paused:
            return int(self.manifest["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"])
        spec = self.manifest["spec"]
        least: int = spec.get("minReplicaCount", 0)
        if value > float(spec["advanced"]["scalingModifiers"]["activationTarget"]):
            self.last_active = now
            return replicas or max(least, 1)
        if replicas > 0 and least == 0:
            over = self.last_active is None or self.last_active + spec["cooldownPeriod"] < now
            return 0 if over else replicas
        return max(replicas, least)


@dataclasses.dataclass
class Hpa:
    """The HorizontalPodAutoscaler that KEDA makes of a ScaledObject."""

    manifest: Manifest
    wanted: list[tuple[float, int]] = dataclasses.field(default_factory=list)
    """What it recommended, before its limits: (time, replicas)."""
    changes: list[tuple[float, int]] = dataclasses.field(default_factory=list)
    """How it scaled: (time, by how many)."""

    def sync(self, replicas: int, pods: int, value: float, now: float) -> int:
        """Return the replicas after a look; `pods` are the Deployment's `status.replicas`."""
        spec = self.manifest["spec"]
        least, most = int(max(spec.get("minReplicaCount", 0), 1)), int(spec["maxReplicaCount"])
        if replicas == 0:
            return 0
        if not self.wanted:
            self.wanted.append((now, replicas))
        if not least <= replicas <= most:
            return max(least, min(most, replicas))
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        desired = self._stabilized(replicas, self._recommended(pods, value), behavior, now)
        desired = max(least, min(most, self._limited(replicas, desired, behavior, now)))
        if desired != replicas:
            self.changes.append((now, desired - replicas))
        return desired

    def _recommended(self, pods: int, value: float) -> int:
        target = float(self.manifest["spec"]["advanced"]["scalingModifiers"]["target"])
        within = pods > 0 and abs(value / (target * pods) - 1) <= TOLERANCE
        return pods if within else math.ceil(value / target)

    def _stabilized(self, replicas: int, desired: int, behavior: Manifest, now: float) -> int:
        up_window, down_window = (behavior[way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown"))
        up = min([desired, *(wanted for at, wanted in self.wanted if at > now - up_window)])
        down = max([desired, *(wanted for at, wanted in self.wanted if at > now - down_window)])
        oldest = now - max(up_window, down_window)
        self.wanted = [(at, wanted) for at, wanted in self.wanted if at > oldest] + [(now, desired)]
        return min(max(replicas, up), down)

    def _limited(self, replicas: int, desired: int, behavior: Manifest, now: float) -> int:
        way, sign = ("scaleUp", 1) if desired > replicas else ("scaleDown", -1)
        rules = behavior[way]
        if rules["selectPolicy"] == "Disabled":
            return replicas
        limits = [self._limit(policy, replicas, sign, now) for policy in rules["policies"]]
        if sign > 0:
            return min(desired, max(limits))
        return max(desired, min(limits))

    def _limit(self, policy: Manifest, replicas: int, sign: int, now: float) -> int:
        """Return how far one policy lets it go within its period."""
        since = now - policy["periodSeconds"]
        changed = sum(by for at, by in self.changes if at > since and by * sign > 0)
        start = replicas - changed
        if policy["type"] == "Pods":
            return int(start + sign * policy["value"])
        return math.ceil(start * (1 + sign * float(policy["value"]) / 100))
