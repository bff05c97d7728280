"""A workload's pods, jobs and workers, second by second, scaled by models of KEDA and the HPA; and what must hold."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

from greenscale_operator import schedules
from greenscale_operator.objects import Install
from greenscale_operator.scalers import Switches
from greenscale_operator.scalers.keda.scaled_object import scaled_object
from greenscale_operator.workload import Engine, Scaling, Schedule, Worker, Workload
from greenscale_testing.scaling_model import SYNC_SECONDS, TOLERANCE, Hpa, Keda, WatchCache, composite

Manifest = dict[str, Any]

BEGIN = 1_774_744_200
"""Half an hour before the clocks change in Berlin, 2026-03-29."""

SECONDS = 2400
RAMP_SECONDS = 50
"""How long the HPA may take to have as many as are asked for: its period, thrice."""

GHOST_SECONDS, LEASE_SECONDS = 150, 30


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is drawn: a workload, and what happens to it."""

    seed: int
    scaling: Scaling
    concurrency: int
    jobs: dict[int, list[int]]
    """Second -> how long each job takes that comes then."""
    suspended: tuple[int, int]
    """From which second to which."""
    lost_at: int
    """The second in which a node is lost with one pod."""
    phase: int
    """In which second of its period the HPA looks."""
    cron_idle: int
    """What a cron trigger is outside of its time: 0, before KEDA 2.21 1."""

    def workload(self) -> Workload:
        """Return it as the operator has it."""
        worker = Worker(concurrency=self.concurrency)
        return Workload(name="w", namespace="n", engine=Engine("Echo"), worker=worker, scaling=self.scaling)


def draw(seed: int) -> Scenario:
    """Draw a scenario; the same seed gives the same."""
    rng = random.Random(seed)  # noqa: S311
    most = rng.choice([1, 2, 3, 4, 8])
    polling = rng.choice([1, 2, 5])
    scaling = Scaling(
        min_replicas=rng.choice([0, 0, 1, min(2, most)]),
        max_replicas=most,
        jobs_per_replica=rng.choice([None, 1, 2, 5]),
        polling_interval=polling,
        cooldown_period=rng.choice([2 * polling, 10, 45, 300]),
        scale_down_policy=rng.choice(["WhenIdle", "WhenIdle", "Gradual"]),
        schedules=tuple(_schedule(rng, most) for _ in range(rng.choice([0, 0, 1, 2]))),
    )
    jobs: dict[int, list[int]] = {}
    for _ in range(rng.choice([1, 2, 4])):
        at, longest = rng.randrange(20, 1400), rng.choice([3, 20, 200])
        for _ in range(rng.choice([1, 3, 8, 20])):
            jobs.setdefault(at + rng.randrange(rng.choice([1, 60])), []).append(rng.randint(1, longest))
    start = rng.randrange(100, 1200)
    suspended = (start, start + rng.randrange(60, 500)) if rng.random() < 0.25 else (SECONDS, SECONDS)
    lost_at = rng.randrange(100, 1400) if rng.random() < 0.25 else SECONDS
    concurrency, phase = rng.choice([1, 2, 4]), rng.randrange(SYNC_SECONDS)
    return Scenario(seed, scaling, concurrency, jobs, suspended, lost_at, phase, rng.choice([0, 1]))


def _schedule(rng: random.Random, most: int) -> Schedule:
    start, end = rng.sample(range(60), 2)
    hours = rng.choice(["*", "*", "1", "3", "2-3"])
    zone = rng.choice(["UTC", "Europe/Berlin", "Asia/Kathmandu"])
    return Schedule(f"{start} {hours} * * *", f"{end} * * * *", rng.randint(1, most), zone)


@dataclasses.dataclass(eq=False)
class Pod:
    """One pod, and the jobs in its hand: when each ends."""

    counted_at: int
    ready_at: int
    ends: list[int] = dataclasses.field(default_factory=list)
    ending: bool = False


class World:
    """Runs one scenario; `spoil` changes each manifest, to see that the check sees it."""

    def __init__(self, scenario: Scenario, spoil: Callable[[Manifest], object] = lambda _: None) -> None:
        self.scenario, self.scaling = scenario, scenario.scaling
        self._spoil = spoil
        self._rng = random.Random(scenario.seed)  # noqa: S311
        self.keda = Keda(self._manifest(paused=False))
        self.hpa: Hpa | None = Hpa(self.keda.manifest)
        self.replicas = 0
        self.pods: list[Pod] = []
        self.waiting: list[int] = []
        self.ghosts: list[int] = []
        """Until when a worker is counted that is gone."""
        self.lost: list[tuple[int, int]] = []
        """Jobs of a lost worker: when the lease ends, and how long it takes."""
        self.needed: list[int] = []
        """How many workers there may be, second by second."""
        self.asked: list[int] = []
        """How many there must be."""
        self._kept, self._kept_until = 0, 0.0
        self._claimed = 0
        self._clear_at = 0
        """When there was no work, or none was seen, last."""

    def run(self) -> None:
        """Live through all seconds; raises AssertionError where something does not hold."""
        for second in range(SECONDS):
            self._suspend(second)
            self._live(second)
            cache = self._read(second)
            before = self.replicas
            self._scale(second, cache)
            self._replace_pods(second, shrinks=self.replicas < before)
            self._check(second)

    def _scale(self, second: int, cache: WatchCache) -> None:
        now = float(BEGIN + second)
        polls, syncs = second % self.scaling.polling_interval == 0, second % SYNC_SECONDS == self.scenario.phase
        if not polls and not syncs:
            return
        value = composite(self.keda.manifest, cache, now, cron_idle=self.scenario.cron_idle)
        if polls:
            self.replicas = self.keda.poll(self.replicas, value, now)
        if syncs and self.hpa:
            self.replicas = self.hpa.sync(self.replicas, len(self._kept_pods), value, now)

    @property
    def _kept_pods(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.ending]

    @property
    def _inflight(self) -> int:
        return sum(len(pod.ends) for pod in self.pods) + len(self.lost)

    def _manifest(self, *, paused: bool) -> Manifest:
        manifest = scaled_object(self.scenario.workload(), Install(), Switches(paused=paused))
        self._spoil(manifest)
        return manifest

    def _suspended(self, second: int) -> bool:
        start, end = self.scenario.suspended
        return start <= second < end

    def _suspend(self, second: int) -> None:
        """Do as the operator: pause the ScaledObject once a suspended workload has drained."""
        paused = self._suspended(second) and self._inflight == 0
        if paused == self.keda.paused:
            return
        manifest = self._manifest(paused=paused)
        self.keda.manifest = manifest
        self.hpa = None if paused else Hpa(manifest)
        if paused:
            self.replicas = self.keda.poll(self.replicas, 0, float(BEGIN + second))

    def _live(self, second: int) -> None:
        self.waiting += self.scenario.jobs.get(second, [])
        self.waiting += [took for at, took in self.lost if at <= second]
        self.lost = [(at, took) for at, took in self.lost if at > second]
        self._claimed = 0
        if second == self.scenario.lost_at and self._kept_pods:
            self._lose(second, self._kept_pods[0])
        for pod in self.pods:
            pod.ends = [at for at in pod.ends if at > second]
            while self._claims(pod, second):
                pod.ends.append(second + self.waiting.pop(0))
                self._claimed += 1
        self.pods = [pod for pod in self.pods if pod.ends or not pod.ending]

    def _claims(self, pod: Pod, second: int) -> bool:
        free = len(pod.ends) < self.scenario.concurrency and not pod.ending
        return free and pod.ready_at <= second and bool(self.waiting) and not self._suspended(second)

    def _lose(self, second: int, pod: Pod) -> None:
        """A node is gone: its worker counts, and its jobs are leased, for a while."""
        self.pods.remove(pod)
        if pod.counted_at <= second:
            self.ghosts.append(second + GHOST_SECONDS)
        self.lost += [(second + LEASE_SECONDS, max(1, at - second)) for at in pod.ends]

    def _read(self, second: int) -> WatchCache:
        """Read Redis as KEDA does, each length at its own instant: a job claimed just now may be seen nowhere.

        That is a matter of milliseconds: of two looks of the HPA it befalls one, and none that follows on an idle one.
        """
        workers = sum(pod.counted_at <= second for pod in self._kept_pods) + sum(at > second for at in self.ghosts)
        cache = WatchCache(len(self.waiting), self._inflight, workers)
        if not self.waiting and not self._inflight:
            self._clear_at = second
        if self._claimed and second - self._clear_at > SYNC_SECONDS + 1:
            self._clear_at = second
            return WatchCache(cache.pending, cache.inflight - self._claimed, workers)
        return cache

    def _replace_pods(self, second: int, *, shrinks: bool) -> None:
        """Do as a ReplicaSet; of those that are ready the busiest goes, which is the worst that it may do."""
        surplus = len(self._kept_pods) - self.replicas
        order = sorted(self._kept_pods, key=lambda pod: (pod.counted_at <= second, -len(pod.ends)))
        for pod in order[: max(0, surplus)]:
            busy = shrinks and pod.ends and self.scaling.scale_down_policy == "WhenIdle"
            assert not busy, f"seed {self.scenario.seed}, second {second}: a worker is taken away that works"
            pod.ending = True
        for _ in range(max(0, -surplus)):
            counted = second + self._rng.randint(1, 4)
            self.pods.append(Pod(counted, counted + self._rng.choice([0, 1, 30])))

    # What must hold.

    def _least(self, now: float) -> int:
        """Return how many are kept without work; reckoned only when a schedule begins or ends."""
        if now >= self._kept_until:
            kept = schedules.kept(self.scaling.schedules, now)
            self._kept = max(self.scaling.min_replicas, kept.replicas if kept else 0)
            self._kept_until = schedules.next_change(self.scaling.schedules, now) or float("inf")
        return self._kept

    def _check(self, second: int) -> None:
        scaling, seed = self.scaling, self.scenario.seed
        least = self._least(float(BEGIN + second))
        drained = self._suspended(second) and self._inflight == 0
        work = len(self.waiting) + self._inflight
        self.needed.append(0 if drained else scaling.max_replicas if work else least)
        for_work = work / (self.scenario.workload().jobs_per_replica * (1 + TOLERANCE))
        self.asked.append(0 if drained else min(scaling.max_replicas, max(least, int(for_work), work > 0)))
        limit = scaling.cooldown_period + scaling.polling_interval + 30
        most = max(self.needed[-limit - 1 :])
        pods = len(self.pods)
        assert pods <= most, f"seed {seed}, second {second}: {pods} workers where at most {most} are asked for"
        ramp = RAMP_SECONDS + scaling.polling_interval
        fewest = min(self.asked[-ramp:]) if second >= ramp else 0
        found = f"seed {seed}, second {second}: {self.replicas} workers where at least {fewest} are asked for"
        assert self.replicas >= fewest, found
