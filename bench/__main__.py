"""Runs the rows, prints the table with the ratios, and keeps every figure.

python -m bench [--full] [--rounds 3] [--rows 1,2,...,14]
python -m bench --against CHECKOUT [--pairs 10] [--rows 1,2,...]

The short form takes some minutes: whom the targets name, Redis without persistence. The full form has every peer and
floor, five rounds, Redis without and with AOF, and a hundred kills; it takes more than an hour. Row 14 (six minutes) is
measured where it is named. Against another checkout GreenScale alone is measured, both by turns.
"""

import argparse
import asyncio
import compileall
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from bench import kills, outage, pairs, rows
from bench.engine import ceiling
from bench.load import EVERYONE, OURS, SURVIVING, Load
from bench.loads import CONTESTS, contest, figures
from bench.measured import TARGETS, YARDSTICK, Measured, line
from bench.places import BENCH, PEERS, ROOT
from bench.servers import engine_of, server_in

RAW = ROOT / "artifacts" / "bench"
KEPT = BENCH / "results"

PERSISTENCE = {"off": (), "everysec": ("--appendonly", "yes", "--appendfsync", "everysec")}
LOAD_ROWS = {"1", "2", "3", "4", "5", "6"}


@dataclass
class Results:
    """What was measured, round by round."""

    rounds: list[list[Measured]] = field(default_factory=list)
    loads: list[list[Load]] = field(default_factory=list)


def main() -> None:
    """Measure; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everyone, five rounds, without and with AOF, kills")
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--rows", default="1,2,3,4,5,6,7,8,9,10", help="numbers of performance rows, with commas between"
    )
    parser.add_argument(
        "--persistence", choices=sorted(PERSISTENCE), action="append", help="of Redis; off is the default"
    )
    parser.add_argument("--patient", action="store_true", help="row 10: wait for arq and dramatiq too, five minutes")
    parser.add_argument("--against", type=Path, help="another checkout of GreenScale: the release before, say")
    parser.add_argument("--pairs", type=int, default=10, help="with --against: how often both are measured")
    parser.add_argument("--keep", action="store_true", help="write the rows into bench/results as well")
    options = parser.parse_args()
    if options.against:
        folders = [RAW, *([KEPT] if options.keep else [])]
        sys.exit(0 if pairs.compare(options.against.resolve(), options.rows.split(","), options.pairs, folders) else 1)
    for part in ("jobs", "worker"):
        compileall.compile_dir(ROOT / part, quiet=1)  # missing .pyc files cost two to three times
    wanted, rounds = set(options.rows.split(",")), options.rounds or (5 if options.full else 3)
    verdicts = []
    for persistence in options.persistence or (list(PERSISTENCE) if options.full else ["off"]):
        results, about = _run(persistence, wanted, rounds, full=options.full, patient=options.patient)
        _keep(results, about, [RAW, *([KEPT] if options.keep else [])], "row-14" if wanted == {"14"} else "rows")
        verdicts.append(_print(results, about))
    sys.exit(0 if all(verdicts) else 1)


def _run(
    persistence: str, wanted: set[str], rounds: int, *, full: bool, patient: bool
) -> tuple[Results, dict[str, Any]]:
    results = Results()
    with TemporaryDirectory() as folder, engine_of(50) as engine_url, engine_of(0) as prompt_url:
        server = server_in(Path(folder), *PERSISTENCE[persistence])
        server.start()
        try:
            about = _about(server.address.port, persistence)
            if wanted & {"3", "4", "5"}:
                about["engine ceiling"] = f"{asyncio.run(ceiling(prompt_url)):.0f} calls/s"
            for number in range(1, rounds + 1):
                print(f"Redis persistence {persistence}, round {number} of {rounds}", file=sys.stderr, flush=True)
                loads = list(_loads(server.address.port, engine_url, wanted, full=full))
                results.loads.append(loads)
                others = list(_others(server.address.port, prompt_url, wanted, persistence))
                results.rounds.append([*figures(loads), *others])
        finally:
            server.stop()
    if "10" in wanted and persistence == "off":
        results.rounds[0] += _kills(full=full, patient=patient)
    if "14" in wanted and persistence == "off":
        results.rounds[0] += _outages()
    about["load after"] = _busy()
    return results, about


def _loads(port: int, engine_url: str, wanted: set[str], *, full: bool) -> Iterator[Load]:
    rows_of = {
        "no-ops": {"1", "2", "6"},
        "no-ops, no streaming": {"6"},
        "no-ops, 8 at once": {"1"},
        "HTTP": {"3"},
        "OpenAI": {"4"},
        "HTTP, 200 at once": {"5"},
    }
    RAW.mkdir(parents=True, exist_ok=True)
    for one in CONTESTS:
        if rows_of[one.name] & wanted:
            share = 1.0 if full else 0.5
            for load in contest(one, port=port, engine_url=engine_url, folder=RAW, everyone=full, share=share):
                print(f"  {one.name}: {load.subject} {load.jobs_per_second:.0f}/s", file=sys.stderr, flush=True)
                yield load


def _others(port: int, prompt_url: str, wanted: set[str], persistence: str) -> Iterator[Measured]:
    parts: list[tuple[str, Callable[[], Iterator[Measured]]]] = [
        ("7", lambda: rows.latency(port)),
        ("8", lambda: rows.starts(port, prompt_url)),
        ("9", lambda: rows.memory(port)),
        ("9", lambda: rows.idling(port)),
    ]
    for row, measure in parts:
        if row in wanted and persistence == "off":
            with redis.Redis(port=port) as plain:
                plain.flushall()
            print(f"  row {row} ...", file=sys.stderr, flush=True)
            yield from measure()


def _kills(*, full: bool, patient: bool) -> list[Measured]:
    """Row 10: each on a Redis of its own."""
    arq, dramatiq, streaq = (EVERYONE[name] for name in ("arq", "dramatiq", "streaq"))
    found: list[Measured] = []
    for peer in [OURS, streaq, *([dramatiq, arq] if patient else [])]:
        with TemporaryDirectory() as folder:
            server = server_in(Path(folder))
            server.start()
            try:
                print(f"  row 10: {peer.name} ...", file=sys.stderr, flush=True)
                found += kills.begun_again(peer, server.address.port, RAW)
                if peer is OURS and full:
                    with redis.Redis(port=server.address.port) as plain:
                        plain.flushall()
                    found += kills.many_kills(server.address.port, RAW, seed=1)
            finally:
                server.stop()
    took = {one.subject: one.value for one in found if one.row == "10 kill -9, begun again after"}
    beside = [(OURS.name, took[OURS.name]), (YARDSTICK, took["streaq"])]
    return found + [Measured("10 kill -9, beside streaq", who, value, "s") for who, value in beside]


def _outages() -> list[Measured]:
    """Row 14, on a Redis of its own."""
    with TemporaryDirectory() as folder:
        server = server_in(Path(folder))
        server.start()
        try:
            return list(outage.rows(server.address.port))
        finally:
            server.stop()


def _about(port: int, persistence: str) -> dict[str, Any]:
    with redis.Redis(port=port) as plain:
        server = str(plain.info("server")["redis_version"])
    peers = {}
    for lock in sorted(PEERS.glob("*.txt")):
        name = lock.stem
        found = re.search(rf"^{name}==(\S+)", lock.read_text(), re.MULTILINE)
        peers[name] = found[1] if found else "?"
    names = ("greenscale", "redis", "openai", "aiohttp")
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "persistence": persistence,
        "load before": _busy(),
        "python": platform.python_version(),
        "redis-server": server,
        **{name: version(name) for name in names},
        **peers,
    }


def _busy() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _print(results: Results, about: dict[str, Any]) -> bool:
    """Print a line for each target, and what everyone did; returns whether all targets are met."""
    table = Table("row", "greenscale", "yardstick", "ratio", "target", "met", box=None, pad_edge=False)
    lines = [found for target in TARGETS if (found := line(target, results.rounds))]
    for cells, _ in lines:
        table.add_row(*cells)
    console = Console(width=120)
    console.print(table)
    if any(results.loads):
        console.print(_everyone(results.loads))
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    return all(met for _, met in lines)


def _everyone(rounds: list[list[Load]]) -> Table:
    columns = ("jobs/s", "CPU us/job", "Redis CPU us/job", "Redis commands/job", "lost", "errors")
    table = Table("jobs", "subject", *columns, box=None, pad_edge=False, title="medians of the rounds")
    for one in CONTESTS:
        subjects = dict.fromkeys(load.subject for loads in rounds for load in loads if load.contest == one.name)
        for subject in subjects:
            found = [load for loads in rounds for load in loads if (load.contest, load.subject) == (one.name, subject)]
            survives = "" if subject in {OURS.name, *(peer.name for peer in SURVIVING)} else "*"
            table.add_row(
                one.name,
                subject + survives,
                f"{median(load.jobs_per_second for load in found):.0f}",
                f"{median(load.cpu_us_per_job for load in found):.0f}",
                f"{median(load.redis_cpu_us_per_job for load in found):.0f}",
                f"{median(load.redis_commands_per_job for load in found):.1f}",
                str(max(load.lost for load in found)),
                str(max(load.errors for load in found)),
            )
    table.caption = "* loses jobs when it is killed, or serves one worker only"
    return table


def _keep(results: Results, about: dict[str, Any], folders: list[Path], what: str) -> None:
    """Write every figure as a line of JSON; the first line says on what it was measured."""
    lines = [json.dumps(about)]
    for number, (measured, loads) in enumerate(zip(results.rounds, results.loads, strict=True), start=1):
        lines += [json.dumps({"round": number, **asdict(one)}) for one in measured]
        lines += [json.dumps({"round": number, **asdict(one)}) for one in loads]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{what}.jsonl" if about["persistence"] == "off" else f"{what}-{about['persistence']}.jsonl"
        (folder / name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
