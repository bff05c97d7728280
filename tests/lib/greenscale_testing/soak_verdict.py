"""The soak's verdict: what grew, what is left, what does not add up."""

import dataclasses
from collections.abc import Sequence
from statistics import median

import psutil

from greenscale_jobs import Stats
from greenscale_testing.soak_load import Ledger

WARM_UP = 0.25
"""What part of the run is not looked at: pools, caches and arenas are filled then."""

LEAST_SAMPLES = 240
"""Of a shorter run nothing is said about keys: they grow until the first results expire."""

GROWTH, SLACK_MB = 1.10, 4.0
"""The second half after the warm-up may have so much more than the first, by their medians: one peak tells nothing."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """What is there at one instant."""

    worker_mb: float
    redis_mb: float
    keys: int


def take_sample(worker: int, redis_server: int, *, keys: int) -> Sample:
    """Look at two processes by their ids."""
    worker_mb, redis_mb = (psutil.Process(number).memory_info().rss / 2**20 for number in (worker, redis_server))
    return Sample(worker_mb, redis_mb, keys)


def halves(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return the medians of both halves of what comes after the warm-up."""
    values = [float(getattr(sample, name)) for sample in samples[int(len(samples) * WARM_UP) :]]
    middle = len(values) // 2
    return median(values[:middle]), median(values[middle:])


def growth(samples: Sequence[Sample]) -> list[str]:
    """Say what has grown; of the keys only in a run that was long enough to tell."""
    found = []
    for name, slack in (("worker_mb", SLACK_MB), ("redis_mb", SLACK_MB), ("keys", 40.0)):
        first, second = halves(samples, name)
        if name == "keys" and len(samples) < LEAST_SAMPLES:
            continue
        if second > first * GROWTH + slack:
            found.append(f"{name} grew from {first:.1f} to {second:.1f}")
    return found


def miscounted(ledger: Ledger, stats: Stats, *, dead: int) -> list[str]:
    """Say which counters are not what the ledger says."""
    states = list(ledger.ended.values())
    submitted = sum(kind != "pushed bare" for kind in ledger.kinds.values())
    expected = {
        "submitted": submitted,
        "done": states.count("done"),
        "cancelled": states.count("cancelled"),
        "dead": dead,
    }
    counted = {name: stats.counters.get(name, 0) for name in expected}
    return [] if counted == expected else [f"the counters are {counted}, the jobs {expected}"]


def left_over(stats: Stats, *, malformed: int) -> list[str]:
    """Say what has not ended, by the lengths of the lists."""
    lengths = {"pending": stats.pending, "in flight": stats.in_flight, "delayed": stats.delayed, "dead": stats.dead}
    ought = {"pending": 0, "in flight": 0, "delayed": 0, "dead": malformed}
    return [] if lengths == ought else [f"left over: {lengths}"]
