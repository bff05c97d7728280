"""Runs the rows, prints the table with the ratios, and keeps every figure.

python -m bench [--rounds 5] [--rows 7,8,9]
"""

import argparse
import asyncio
import compileall
import json
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import redis
from rich.console import Console
from rich.table import Table

from bench import rows
from bench.rows import TARGETS, Measured, Target
from bench.subjects import ROOT

sys.path.insert(0, str(ROOT / "tests" / "lib"))

from greenscale_testing.local_redis import RedisServer
from greenscale_testing.openai_server import serving

RAW = ROOT / "artifacts" / "bench"


def main() -> None:
    """Measure; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", default="7,8,9", help="numbers of performance rows, with commas between")
    told = parser.parse_args()
    for part in ("jobs", "worker"):
        compileall.compile_dir(ROOT / part, quiet=1)  # missing .pyc files cost two to three times
    with TemporaryDirectory() as folder, _OpenAI() as base_url:
        server = RedisServer(Path(folder))
        server.start()
        try:
            measured = _measure(server.address.port, base_url, told.rounds, set(told.rows.split(",")))
            versions = _versions(server.address.port)
        finally:
            server.stop()
    _keep(measured, versions)
    sys.exit(0 if _print(measured, versions) else 1)


def _measure(port: int, base_url: str, rounds: int, wanted: set[str]) -> list[list[Measured]]:
    parts: list[tuple[str, str, Callable[[], Iterator[Measured]]]] = [
        ("7", "idle latency", lambda: rows.latency(port)),
        ("8", "starts", lambda: rows.starts(port, base_url)),
        ("9", "memory", lambda: rows.memory(port)),
        ("9", "idling", lambda: rows.idling(port)),
    ]
    all_rounds = []
    for number in range(1, rounds + 1):
        found: list[Measured] = []
        for row, name, measure in parts:
            if row in wanted:
                print(f"round {number} of {rounds}: {name} ...", file=sys.stderr, flush=True)
                with redis.Redis(port=port) as plain:
                    plain.flushall()
                found += measure()
        all_rounds.append(found)
    return all_rounds


def _print(measured: list[list[Measured]], versions: dict[str, str]) -> bool:
    """Print a line for each target; returns whether all are met."""
    table = Table("row", "greenscale", "floor", "ratio", "target", "met", box=None, pad_edge=False)
    verdicts = []
    for target in TARGETS:
        line = _line(target, measured)
        if line:
            cells, met = line
            table.add_row(*cells)
            verdicts.append(met)
    console = Console(width=110)
    console.print(table)
    console.print(", ".join(f"{name} {told}" for name, told in versions.items()), highlight=False)
    return all(verdicts)


def _line(target: Target, measured: list[list[Measured]]) -> tuple[list[str], bool] | None:
    ours = [one for found in measured for one in found if (one.row, one.subject) == (target.row, "greenscale")]
    theirs = [one for found in measured for one in found if (one.row, one.subject) == (target.row, "floor")]
    if not ours:
        return None
    value, unit = median(one.value for one in ours), ours[0].unit
    if not target.of_yardstick:
        met = value <= target.most
        return [target.row, f"{value:.2f} {unit}", "", "", f"<= {target.most:g} {unit}", "yes" if met else "NO"], met
    # Within a round both met the same noise: the ratio is taken there.
    ratio = median(one.value / other.value for one, other in zip(ours, theirs, strict=True))
    floor, met = median(one.value for one in theirs), ratio <= target.most
    cells = [target.row, f"{value:.2f} {unit}", f"{floor:.2f} {unit}", f"{ratio:.2f}x", f"<= {target.most:g}x"]
    return [*cells, "yes" if met else "NO"], met


def _keep(measured: list[list[Measured]], versions: dict[str, str]) -> None:
    RAW.mkdir(parents=True, exist_ok=True)
    with (RAW / "rows.jsonl").open("w") as file:
        for number, found in enumerate(measured, start=1):
            for one in found:
                line = {"round": number, "row": one.row, "subject": one.subject, "value": one.value, "unit": one.unit}
                file.write(json.dumps({**line, **versions}) + "\n")


def _versions(port: int) -> dict[str, str]:
    with redis.Redis(port=port) as plain:
        server = str(plain.info("server")["redis_version"])
    packages = {name: version(name) for name in ("greenscale", "redis", "openai", "aiohttp")}
    return {"python": platform.python_version(), "redis-server": server, **packages}


class _OpenAI:
    """The tests' own OpenAI-compatible server, in a thread."""

    def __enter__(self) -> str:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._context = serving()
        _, url = asyncio.run_coroutine_threadsafe(self._context.__aenter__(), self._loop).result(10)
        return url

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._context.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


if __name__ == "__main__":
    main()
