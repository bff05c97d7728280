"""Two checkouts of GreenScale by turns: each row's ratio within a pair, its median, and how sure that is."""

import compileall
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

from bench.keeping import keep
from bench.measured import TARGETS, Measured
from bench.places import PARTS, ROOT, python_path
from bench.servers import redis_server
from bench.tables import show, table, verdict

GROUPS = (("1", "2"), ("3",), ("4",), ("5",), ("6",), ("7",), ("8",), ("9",), ("10",))
"""Rows that one run measures together."""

LEAST = 0.97
"""What the median must reach; above one this checkout is better, whatever the row counts."""

DRAWS = 10_000
MORE_IS_BETTER = {target.row for target in TARGETS if target.at_least}


@dataclass(frozen=True)
class Pair:
    """One row of both checkouts, measured one after the other."""

    row: str
    unit: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times as good this checkout is."""
        better, worse = (self.after, self.before) if self.row in MORE_IS_BETTER else (self.before, self.after)
        if worse == 0:
            return 1.0 if better == 0 else float("inf")
        return better / worse


def compare(other: Path, rows: Sequence[str], count: int, *, in_results: bool) -> bool:
    """Measure so many pairs, print the ratios and keep all figures; returns whether no row became worse."""
    for root in (other, ROOT):
        for part in PARTS:
            compileall.compile_dir(root / part, quiet=1)  # missing .pyc files cost two to three times
    found: list[Pair] = []
    for number in range(count):
        for group in GROUPS:
            wanted = [row for row in group if row in rows]
            if wanted:
                print(f"pair {number + 1} of {count}: row {', '.join(wanted)} ...", file=sys.stderr, flush=True)
                found += _pair(other, wanted, other_first=number % 2 == 0)
    keep("pairs", map(asdict, found), in_results=in_results)
    return _print(found, other)


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the 90 % interval of the median: drawn again and again with the ratios themselves as the population."""
    chance = random.Random(1)  # noqa: S311 - the same figures give the same interval
    cuts = quantiles([median(chance.choices(ratios, k=len(ratios))) for _ in range(DRAWS)], n=20)
    return cuts[0], cuts[-1]


def _pair(other: Path, rows: Sequence[str], *, other_first: bool) -> list[Pair]:
    measured: dict[Path, dict[str, Measured]] = {}
    for root in (other, ROOT) if other_first else (ROOT, other):
        measured[root] = {one.row: one for one in _measure(root, rows)}
    before, after = measured[other], measured[ROOT]
    return [
        Pair(row, one.unit, before[row].value, one.value)
        for row, one in after.items()
        if row in before and not row.startswith("1-6")
    ]


def _measure(root: Path, rows: Sequence[str]) -> list[Measured]:
    """Have a checkout measured by this bench: in a process that imports that checkout's parts."""
    own = root / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    path = os.pathsep.join([str(ROOT), python_path(root)])
    environment = {
        **os.environ,
        "BENCH_PRODUCT": str(root),
        "PYTHONPATH": path,
        "GREENSCALE_TEST_REDIS": redis_server(),  # what each release brings may differ
    }
    command = [python, "-m", "bench.alone", *rows]
    printed = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Measured(**json.loads(line)) for line in printed.splitlines()]


def _print(found: Sequence[Pair], other: Path) -> bool:
    columns = ("row", "before", "after", "times as good", "90 % interval", "target", "met")
    ratios_table = table(*columns)
    good = True
    for row in dict.fromkeys(pair.row for pair in found):
        pairs = [pair for pair in found if pair.row == row]
        ratios = [pair.ratio for pair in pairs]
        low, high = interval(ratios)
        met = median(ratios) >= LEAST
        good = good and met
        ratios_table.add_row(
            row,
            f"{median(pair.before for pair in pairs):.2f} {pairs[0].unit}",
            f"{median(pair.after for pair in pairs):.2f} {pairs[0].unit}",
            f"{median(ratios):.3f}x",
            f"{low:.3f} to {high:.3f}",
            f">= {LEAST}x",
            verdict(met=met),
        )
    show(ratios_table, f"medians of {len(pairs)} pairs, {ROOT} after {other}")
    return good
