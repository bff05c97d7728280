"""Runs the rows, prints the table with the ratios, and keeps every figure.

python -m bench [--full] [--rounds 3] [--rows 1,2,...,14]
python -m bench --against CHECKOUT [--pairs 10] [--rows 1,2,...]

The short form takes some minutes: the subjects that the targets name, Redis without persistence. The full form has
every peer and floor, five rounds, Redis without and with AOF, and a hundred kills; it takes more than an hour. Row 14
(six minutes) is measured only if `--rows` names it. With `--against` GreenScale alone is measured, in both checkouts by
turns.
"""

import argparse
import asyncio
import compileall
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from bench import kills, outage, pairs, rows
from bench.engine import ceiling
from bench.keeping import RAW, keep
from bench.load import EVERYONE, OURS, SURVIVING, Load
from bench.loads import CONTESTS, contest, figures
from bench.machine import load_average, locked_version, machine
from bench.measured import TARGETS, YARDSTICK, Measured, line
from bench.places import PEERS, ROOT
from bench.servers import empty, engine_of, redis_version, running_redis
from bench.tables import show, table

PERSISTENCE = {"off": (), "everysec": ("--appendonly", "yes", "--appendfsync", "everysec")}


@dataclass
class Results:
    """What was measured, round by round."""

    rounds: list[list[Measured]] = field(default_factory=list)
    loads: list[list[Load]] = field(default_factory=list)


def main() -> None:
    """Measure; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all subjects, five rounds, without and with AOF, kills")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--rows", default="1,2,3,4,5,6,7,8,9,10", help="numbers of rows, separated by commas")
    parser.add_argument(
        "--persistence", choices=sorted(PERSISTENCE), action="append", help="of Redis; off is the default"
    )
    parser.add_argument("--patient", action="store_true", help="row 10: wait for arq and dramatiq too, five minutes")
    parser.add_argument("--against", type=Path, help="another checkout of GreenScale, e.g. of the previous release")
    parser.add_argument("--pairs", type=int, default=10, help="with --against: how many times both are measured")
    parser.add_argument("--keep", action="store_true", help="write the rows into bench/results as well")
    options = parser.parse_args()
    if options.against:
        other, wanted_rows = options.against.resolve(), options.rows.split(",")
        sys.exit(0 if pairs.compare(other, wanted_rows, options.pairs, in_results=options.keep) else 1)
    for part in ("jobs", "worker"):
        compileall.compile_dir(ROOT / part, quiet=1)  # missing .pyc files cost two to three times
    wanted, rounds = set(options.rows.split(",")), options.rounds or (5 if options.full else 3)
    verdicts = []
    for persistence in options.persistence or (list(PERSISTENCE) if options.full else ["off"]):
        results, about = _run(persistence, wanted, rounds, full=options.full, patient=options.patient)
        _keep(results, about, "row-14" if wanted == {"14"} else "rows", in_results=options.keep)
        verdicts.append(_print(results, about))
    sys.exit(0 if all(verdicts) else 1)


def _run(
    persistence: str, wanted: set[str], rounds: int, *, full: bool, patient: bool
) -> tuple[Results, dict[str, Any]]:
    results = Results()
    with running_redis(*PERSISTENCE[persistence]) as server, engine_of(50) as engine_url, engine_of(0) as prompt_url:
        port = server.address.port
        about = _about(port, persistence)
        if wanted & {"3", "4", "5"}:
            about["engine ceiling"] = f"{asyncio.run(ceiling(prompt_url)):.0f} calls/s"
        for number in range(1, rounds + 1):
            print(f"Redis persistence {persistence}, round {number} of {rounds}", file=sys.stderr, flush=True)
            loads = list(_loads(port, engine_url, wanted, full=full))
            others = list(rows.measure(wanted, port, prompt_url)) if persistence == "off" else []
            results.loads.append(loads)
            results.rounds.append([*figures(loads), *others])
    if "10" in wanted and persistence == "off":
        results.rounds[0] += _kills(full=full, patient=patient)
    if "14" in wanted and persistence == "off":
        results.rounds[0] += _outages()
    about["load after"] = load_average()
    return results, about


def _loads(port: int, engine_url: str, wanted: set[str], *, full: bool) -> Iterator[Load]:
    RAW.mkdir(parents=True, exist_ok=True)
    for one in CONTESTS:
        if (one.rows | one.beside) & wanted:
            share = 1.0 if full else 0.5
            for load in contest(one, port=port, engine_url=engine_url, folder=RAW, everyone=full, share=share):
                print(f"  {one.name}: {load.subject} {load.jobs_per_second:.0f}/s", file=sys.stderr, flush=True)
                yield load


def _kills(*, full: bool, patient: bool) -> list[Measured]:
    """Row 10: each on a Redis of its own."""
    arq, dramatiq, streaq = (EVERYONE[name] for name in ("arq", "dramatiq", "streaq"))
    found: list[Measured] = []
    for peer in [OURS, streaq, *([dramatiq, arq] if patient else [])]:
        with running_redis() as server:
            port = server.address.port
            print(f"  row 10: {peer.name} ...", file=sys.stderr, flush=True)
            found += kills.begun_again(peer, port, RAW)
            if peer is OURS and full:
                empty(port)
                found += kills.many_kills(port, RAW, seed=1)
    took = {one.subject: one.value for one in found if one.row == "10 kill -9, begun again after"}
    beside = [(OURS.name, took[OURS.name]), (YARDSTICK, took["streaq"])]
    return found + [Measured("10 kill -9, beside streaq", who, value, "s") for who, value in beside]


def _outages() -> list[Measured]:
    """Row 14, on a Redis of its own."""
    with running_redis() as server:
        return list(outage.rows(server.address.port))


def _about(port: int, persistence: str) -> dict[str, Any]:
    return {
        **machine(),
        "persistence": persistence,
        "redis-server": redis_version(port),
        **{name: version(name) for name in ("greenscale", "redis", "openai", "aiohttp")},
        **{lock.stem: locked_version(lock.stem, lock.read_text()) for lock in sorted(PEERS.glob("*.txt"))},
    }


def _print(results: Results, about: dict[str, Any]) -> bool:
    """Print a line for each target, and the medians of all subjects; returns whether all targets are met."""
    targets = table("row", "greenscale", "yardstick", "ratio", "target", "met")
    lines = [found for target in TARGETS if (found := line(target, results.rounds))]
    for cells, _ in lines:
        targets.add_row(*cells)
    everyone = [_everyone(results.loads)] if any(results.loads) else []
    show(targets, *everyone, ", ".join(f"{name} {value}" for name, value in about.items()))
    return all(met for _, met in lines)


def _everyone(rounds: list[list[Load]]) -> Table:
    columns = ("jobs/s", "CPU us/job", "Redis CPU us/job", "Redis commands/job", "lost", "errors")
    medians = table("jobs", "subject", *columns, title="medians of the rounds")
    for one in CONTESTS:
        subjects = dict.fromkeys(load.subject for loads in rounds for load in loads if load.contest == one.name)
        for subject in subjects:
            found = [load for loads in rounds for load in loads if (load.contest, load.subject) == (one.name, subject)]
            survives = "" if subject in {OURS.name, *(peer.name for peer in SURVIVING)} else "*"
            medians.add_row(
                one.name,
                subject + survives,
                f"{median(load.jobs_per_second for load in found):.0f}",
                f"{median(load.cpu_us_per_job for load in found):.0f}",
                f"{median(load.redis_cpu_us_per_job for load in found):.0f}",
                f"{median(load.redis_commands_per_job for load in found):.1f}",
                str(max(load.lost for load in found)),
                str(max(load.errors for load in found)),
            )
    medians.caption = "* loses jobs when it is killed, or serves one worker only"
    return medians


def _keep(results: Results, about: dict[str, Any], name: str, *, in_results: bool) -> None:
    """Keep every figure; the first line describes the machine and the versions."""
    lines = [about]
    for number, (measured, loads) in enumerate(zip(results.rounds, results.loads, strict=True), start=1):
        lines += [{"round": number, **asdict(one)} for one in measured]
        lines += [{"round": number, **asdict(one)} for one in loads]
    persistence = about["persistence"]
    keep(name if persistence == "off" else f"{name}-{persistence}", lines, in_results=in_results)


if __name__ == "__main__":
    main()
