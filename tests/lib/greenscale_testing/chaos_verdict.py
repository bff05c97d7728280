"""The verdict on a run with the chaos engine: pure, from what was submitted, what it ended as and what was asked.

Of the calls a fifth may be wasted. What nobody could avoid is listed apart: calls that an outage, a dead engine or a
killed worker took, and those of suspects.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from greenscale_testing.chaos_engine import KINDS
from greenscale_testing.chaos_ledger import Call, Outage

WASTE = 1.2
"""Calls for each that was needed."""

PROBE_SECONDS = 5.0
"""An engine that is away is asked this often by each worker, in the long run."""

FIRST_PROBES = 3
"""More at the beginning of an outage, while the pauses grow."""

SUSPECT_CALLS = 4
"""How often a deadly prompt may be asked beside its losses alone: twice in company, and by those killed otherwise."""

AT_DEATH_SECONDS = 3.0
"""A call that its client left so shortly before or after its end went with it; a grace period is 1 s."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a job ended as: done with a text, dead with a reason."""

    state: str
    result: str | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is wrong, a line for each job, and where the calls went."""

    lost: list[str]
    dead: list[str]
    """Dead, and should be done; or dead for a wrong reason."""
    done: list[str]
    """Done, and should be dead."""
    texts: list[str]
    """Done with another text than the whole answer."""
    asked: list[str]
    """Too often."""
    calls: Counter[str]
    needed: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.dead or self.done or self.texts or self.asked)

    @property
    def waste(self) -> float:
        """Calls for each that was needed; those that are listed apart are not counted."""
        return (self.calls["answers"] + self.calls["refused at random"]) / max(1, self.needed)


def judge(
    jobs: Mapping[int, str],
    ended: Mapping[int, Ended],
    calls: Sequence[Call],
    outages: Sequence[Outage],
    ends_of_workers: Mapping[str, Sequence[float]],
    *,
    concurrency: int,
    max_losses: int,
) -> Verdict:
    """Judge a run. `jobs` has each job's kind by its number; `ends_of_workers` when each was ended, in Unix seconds."""
    lost = [f"{kind} {number} has not ended" for number, kind in jobs.items() if number not in ended]
    dead, done, texts = [], [], []
    for number, end in sorted(ended.items()):
        kind = KINDS[jobs[number]]
        name = f"{kind.name} {number}"
        if end.state == "dead" and end.reason not in kind.reasons:
            dead.append(f"{name} is dead of {end.reason}, not of {sorted(kind.reasons) or 'anything'}")
        elif end.state == "done" and kind.reasons:
            done.append(f"{name} is done")
        elif end.state == "done" and kind.result and end.result != kind.result(number):
            texts.append(f"{name} has another text")
        elif end.state not in {"done", "dead"}:
            dead.append(f"{name} is {end.state}")
    places = [_where(call, ends_of_workers) for call in calls]
    where = Counter(places)
    answers = Counter(call.job for call, place in zip(calls, places, strict=True) if place == "answers")
    of_jobs = sum(
        min(KINDS[kind].calls, max(1, answers[number])) for number, kind in jobs.items() if not KINDS[kind].apart
    )
    needed = of_jobs + where["refused at random"]
    verdict = Verdict(lost, dead, done, texts, [], where, needed)
    verdict.asked.extend(_too_often(verdict, calls, outages, concurrency=concurrency, max_losses=max_losses))
    return verdict


def _where(call: Call, ends_of_workers: Mapping[str, Sequence[float]]) -> str:
    """Return what a call is counted as."""
    if KINDS[call.kind].apart:
        return "of suspects, alone or not"
    if call.does.startswith("outage"):
        return "in outages"
    if call.how == "lost":
        return "lost with the engine"
    ends = ends_of_workers.get(call.worker, ())
    left_at = call.ended_at or call.began_at
    if call.how == "gone" and any(abs(end - left_at) < AT_DEATH_SECONDS for end in ends):
        return "lost with a worker"
    return "refused at random" if call.does.startswith("trouble") else "answers"


def _too_often(
    verdict: Verdict, calls: Sequence[Call], outages: Sequence[Outage], *, concurrency: int, max_losses: int
) -> list[str]:
    found = []
    if verdict.waste > WASTE:
        found.append(f"{verdict.waste:.2f} calls for each that was needed")
    for number, times in Counter(call.job for call in calls if KINDS[call.kind].apart).items():
        if times > max_losses + SUSPECT_CALLS:
            found.append(f"the deadly job {number} was asked {times} times")
    for outage in outages:
        most = concurrency + FIRST_PROBES + math.ceil(outage.seconds / PROBE_SECONDS)
        times_of = Counter(
            call.worker
            for call in calls
            if call.does.startswith("outage") and outage.began_at <= call.began_at <= outage.ended_at
        )
        found += [
            f"{worker} asked {times} times in an outage ({outage.name}) of {outage.seconds:.1f} s; {most} are enough"
            for worker, times in times_of.items()
            if times > most
        ]
    return found
