"""Does the five tasks with each tool, counts the steps, times them, and prints the table.

python -m bench.compare [--rounds 5] [--tools greenscale,flower,rq,cluster] [--tasks abcde] [--keep]

`cluster` needs KUBECONFIG, of a cluster with GreenScale (`make cluster-up`); without one it is left out.
"""

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser

from bench.compare import cluster, flower, greenscale, rq_dashboard
from bench.compare.steps import Cannot, Steps
from bench.keeping import keep
from bench.machine import load_average, locked_version, machine
from bench.servers import redis_version, running_redis
from greenscale_testing.browser import DESKTOP, chromium
from greenscale_testing.kubernetes import get, kubectl

TASKS = {
    "a": "a. prompt to a sleeper, to its answer",
    "b": "b. why a job failed",
    "c": "c. retry 100 dead",
    "d": "d. what is asleep",
    "e": "e. send 1000 prompts",
}
ORDER = "dabce"
"""Nothing works yet where sleep is looked for; what is sent in numbers comes last."""

TOOLS: dict[str, Any] = {"greenscale": greenscale, "flower": flower, "rq": rq_dashboard, "cluster": cluster}

SHORT = 0.1
"""Seconds that nobody waits."""

Row = dict[str, Any]


def main() -> None:
    """Do all of it, keep every figure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--tasks", default=ORDER)
    parser.add_argument("--keep", action="store_true", help="write the rows into bench/results as well")
    options = parser.parse_args()
    tools = [name for name in options.tools.split(",") if name != "cluster" or os.environ.get("KUBECONFIG")]
    rows: dict[str, list[Row]] = {name: [] for name in tools}
    with chromium() as browser:
        about = _about(browser, with_cluster="cluster" in tools)
        for number in range(1, options.rounds + 1):
            for name in tools:
                print(f"round {number} of {options.rounds}, {name} ...", file=sys.stderr, flush=True)
                rows[name] += ({"round": number, **row} for row in _measure(browser, TOOLS[name], options.tasks))
    about["load after"] = load_average()
    for name in tools:
        keep(f"compare-{name}", [about, *rows[name]], in_results=options.keep)
    _print(list(itertools.chain(*rows.values())))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))


def _measure(browser: Browser, tool: Any, tasks: str) -> Iterator[Row]:
    """Do each task in each way, once."""
    with tool.stage() as stage:
        if stage.url:  # so that none is measured at its first visitor
            with browser.new_context(viewport=DESKTOP) as context:
                context.new_page().goto(stage.url, wait_until="networkidle")
        for task in filter(tasks.__contains__, ORDER):
            for way, does in tool.WAYS.items():
                if task not in does:
                    continue
                with browser.new_context(viewport=DESKTOP) as context:
                    steps = Steps(stage.folder, stage.environment, context.new_page())
                    try:
                        does[task](stage, steps)
                    except Cannot as reason:
                        yield {"way": way, "task": task, "cannot": str(reason)}
                    else:
                        yield {"way": way, "task": task, "seconds": round(steps.seconds, 3), "steps": steps.taken}


def _print(rows: list[Row]) -> None:
    """Print the medians as markdown, and below them why a tool cannot."""
    notes: list[str] = []
    print("| | " + " | ".join(TASKS.values()) + " |")
    print("|---" * (len(TASKS) + 1) + "|")
    for way in dict.fromkeys(row["way"] for row in rows):
        cells = [_cell([row for row in rows if (row["way"], row["task"]) == (way, task)], notes) for task in TASKS]
        print(f"| {way} | " + " | ".join(cells) + " |")
    print("\n\\* with a few lines of Python of one's own, which lay there already.")
    for number, note in enumerate(notes, start=1):
        print(f"{number}. {note}")


def _cell(found: list[Row], notes: list[str]) -> str:
    if not found:
        return ""
    reason = found[0].get("cannot")
    if reason:
        if reason not in notes:
            notes.append(reason)
        return f"cannot ({notes.index(reason) + 1})"
    steps = {len(row["steps"]) for row in found}
    assert len(steps) == 1, f"the steps differ: {found}"
    count = steps.pop()
    own = "\\*" if any(step.startswith("type: python ") for step in found[0]["steps"]) else ""
    seconds = median(row["seconds"] for row in found)
    took = f"{seconds:.1f} s" if seconds >= SHORT else f"under {SHORT} s"
    return f"{count} {'step' if count == 1 else 'steps'}{own}, {took}"


def _about(browser: Browser, *, with_cluster: bool) -> Row:
    """Return what was compared, on what."""
    locked = "".join(lock.read_text() for lock in sorted(Path(__file__).parent.glob("*.txt")))
    with running_redis() as server:
        redis = redis_version(server.address.port)
    return {
        **machine(),
        "redis-server": redis,
        "chromium": browser.version,
        "greenscale": version("greenscale"),
        **{name: locked_version(name, locked) for name in ("celery", "flower", "rq", "rq-dashboard")},
        **(_cluster() if with_cluster else {}),
    }


def _cluster() -> Row:
    server = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    keda = get("deployment", "keda-operator", "keda")["metadata"]["labels"]["app.kubernetes.io/version"]
    return {"kubernetes": server, "keda": keda}


if __name__ == "__main__":
    main()
