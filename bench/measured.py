"""A figure, and its target."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.tables import verdict

OURS, YARDSTICK = "greenscale", "yardstick"


@dataclass(frozen=True)
class Measured:
    """One figure of one subject in one round."""

    row: str
    subject: str
    value: float
    unit: str


@dataclass(frozen=True)
class Target:
    """A row's target: a multiple of its yardstick or a fixed value, as an upper or a lower bound."""

    row: str
    bound: float
    of_yardstick: bool = True
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Return whether the target is met."""
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self, unit: str) -> str:
        """Return it as the table shows it."""
        return f"{'>=' if self.at_least else '<='} {self.bound:g}" + ("x" if self.of_yardstick else f" {unit}")


TARGETS = [
    Target("1 no-op jobs/s", 5, at_least=True),
    Target("1 no-op jobs/s, BullMQ", 1.2, at_least=True),
    Target("2 CPU per no-op job", 1.5),
    Target("3 HTTP jobs/s", 0.8, at_least=True),
    Target("3 CPU per HTTP job", 1.4),
    Target("4 OpenAI jobs/s", 1.5, at_least=True),
    Target("5 HTTP jobs/s, 200 at once", 1.2, at_least=True),
    Target("6 Redis commands per job", 12, of_yardstick=False),
    Target("6 Redis CPU per job", 0.5),
    Target("1-6 jobs lost, errors", 0, of_yardstick=False),
    Target("7 idle latency p50", 1.5),
    Target("7 idle latency p99", 2.0),
    Target("8 start to first Echo job", 1.2),
    Target("8 start to first OpenAI job", 1.1),
    Target("9 memory (PSS) after a load", 1.2),
    Target("9 idle Redis commands", 1.0, of_yardstick=False),
    Target("9 idle CPU", 2),
    Target("10 kill -9, begun again after", 32, of_yardstick=False),
    Target("10 kill -9, beside streaq", 0.6),
    Target("10 kills: jobs lost", 0, of_yardstick=False),
    Target("10 kills: begun twice by the living", 0, of_yardstick=False),
    *(
        Target(f"14 {what}, {case}", bound, of_yardstick=False)
        for case in ("40 jobs, 1 worker", "40 jobs, 4 workers", "10000 jobs, 1 worker", "10000 jobs, 4 workers")
        for what, bound in (("dead", 0), ("found out by", 8), ("calls in 5 s", 1), ("limit again", 5))
    ),
]


def line(target: Target, rounds: Sequence[Sequence[Measured]]) -> tuple[list[str], bool] | None:
    """Return a target's row of the table and whether it is met; None where it was not measured."""
    ours = [one for found in rounds for one in found if (one.row, one.subject) == (target.row, OURS)]
    yardstick = [one for found in rounds for one in found if (one.row, one.subject) == (target.row, YARDSTICK)]
    if not ours:
        return None
    value, unit = median(one.value for one in ours), ours[0].unit
    if not target.of_yardstick:
        value = max(one.value for one in ours) if target.bound == 0 else value
        met = target.holds(value)
        return [target.row, _text(value, unit), "", "", target.text(unit), verdict(met=met)], met
    # Within a round both had the same noise: so the ratio is taken per round.
    ratio = median(one.value / other.value for one, other in zip(ours, yardstick, strict=True))
    met = target.holds(ratio)
    floor = _text(median(one.value for one in yardstick), unit)
    return [target.row, _text(value, unit), floor, f"{ratio:.2f}x", target.text(unit), verdict(met=met)], met


def _text(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.2f} {unit}"  # noqa: PLR2004
