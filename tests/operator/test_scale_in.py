"""Drawn mixes of minimum, maximum, schedules, policy, suspension and arrivals, against a model of KEDA and the HPA.

Never fewer workers than are asked for; no more within `cooldownPeriod` + `pollingInterval` + 30 s of the last job's
end; none is taken away that works. The ScaledObject is the real one: its formula, windows, policies and annotations.
"""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from greenscale_cli.local import autoscaler
from greenscale_operator.objects import Install
from greenscale_operator.scalers.keda.scaled_object import scaled_object
from greenscale_testing.scaling_model import WatchCache, composite
from greenscale_testing.scaling_world import BEGIN, World, draw

Manifest = dict[str, Any]

EXAMPLES = int(os.environ.get("GREENSCALE_TEST_EXAMPLES", "120"))


def live(spoil: Callable[[Manifest], object] = lambda _: None) -> None:
    for seed in range(EXAMPLES):
        World(draw(seed), spoil).run()


def test_workers_come_and_go_as_they_are_asked_for() -> None:
    live()


def scale_down(manifest: Manifest) -> Manifest:
    rules: Manifest = manifest["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    return rules


def formula(old: str, new: str) -> Callable[[Manifest], None]:
    def spoil(manifest: Manifest) -> None:
        modifiers = manifest["spec"]["advanced"]["scalingModifiers"]
        modifiers["formula"] = modifiers["formula"].replace(old, new)

    return spoil


FAULTS: dict[str, Callable[[Manifest], object]] = {
    "the HPA never shrinks": lambda manifest: scale_down(manifest).update(selectPolicy="Disabled"),
    "workers do not count": formula("workers", "0 "),
    "workers count when idle": formula("> 0 ?", "> 0 - 1 ?"),
    "one job for each worker": lambda manifest: formula(
        f"workers * {manifest['spec']['advanced']['scalingModifiers']['target']}", "workers * 1"
    )(manifest),
    "a schedule keeps one more": formula(" - 1)", " - 0)"),
    "a schedule keeps one less": formula(" - 1)", " - 2)"),
    "schedules are left out": formula(", (schedule0", ", 0 * (schedule0"),
    "the minimum is left out": lambda manifest: manifest["spec"].pop("minReplicaCount", None),
    "one empty look is enough": lambda manifest: scale_down(manifest).update(stabilizationWindowSeconds=0),
    "a window of ten minutes": lambda manifest: scale_down(manifest).update(stabilizationWindowSeconds=600),
    "a cooldown of ten minutes": lambda manifest: manifest["spec"].update(cooldownPeriod=600),
    "only what waits is work": formula("pending + inflight", "pending"),
    "suspended it is not paused": lambda manifest: manifest["metadata"].pop("annotations", None),
    "at most one": lambda manifest: manifest["spec"].update(maxReplicaCount=1, minReplicaCount=1),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_the_check_sees_a_wrong_scaled_object(problem: str) -> None:
    """Who never saw the alarm ring does not know whether it can."""
    with pytest.raises(AssertionError, match=r"seed \d+"):
        live(FAULTS[problem])


def test_local_mode_reckons_as_the_formula_does() -> None:
    rng = random.Random(5)  # noqa: S311
    for seed in range(EXAMPLES):
        manifest = scaled_object(draw(seed).workload(), Install())
        scaled = autoscaler.ScaledObject.read(manifest)
        for _ in range(20):
            now, cache = float(BEGIN + rng.randrange(86_400)), WatchCache(*(rng.choice([0, 0, 1, 7]) for _ in range(3)))
            work = cache.pending + cache.inflight

            assert autoscaler.value(scaled, work=work, workers=cache.workers, now=now) == composite(
                manifest, cache, now
            )
