"""How soon the page shows something, and what ten open pages cost.

python -m bench.page_load [--rounds 7] [--pages 10] [--seconds 300] [--workloads 3]

The yardstick of the first is Streamlit itself: an app of one line, loaded by turns with ours in fresh browser profiles.
Ten overviews are then left open beside workloads that report every second. Redis' commands are its own counters: those
within scripts count, those of the reports do not. CPU and memory are those of the page's process.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psutil
import redis
from playwright.sync_api import Browser

from bench.counters import cpu_seconds
from bench.places import ROOT
from bench.servers import running_redis
from bench.tables import verdict
from bench.waiting import answers, until
from greenscale_jobs import RedisAddress, Sample, WorkloadState, WorkloadStatus
from greenscale_jobs.keys import WORKLOADS, Keys, own_list
from greenscale_jobs.samples import sample_fields
from greenscale_testing.browser import DESKTOP, chromium
from greenscale_testing.ports import free_port

MAX_SECONDS = 1.0
"""How much later than Streamlit's own our first content may come."""

MAX_GROWTH = 1.1
"""Memory at the end, beside what it was after a third of the time."""

SAMPLE_SECONDS = 5.0

BARE = "import streamlit as st\nst.write('hello')\n"

OWN_COMMANDS = ("hset", "xadd", "info")
"""What this bench sends to Redis itself."""

START_SECONDS = 60.0
"""How long a Streamlit app may take to answer."""


def main() -> None:
    """Measure; the exit status says whether the targets are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.page_load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--workloads", type=int, default=3)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_redis())
        stack.enter_context(_reports(server.address, options.workloads))
        bare = folder / "bare.py"
        bare.write_text(BARE)
        floor, _ = stack.enter_context(serve(bare, server.address))
        url, process = stack.enter_context(serve(ROOT / "dashboard" / "app.py", server.address))
        browser = stack.enter_context(chromium())
        soon = _first_content(browser, floor, url, rounds=options.rounds)
        plain = stack.enter_context(redis.Redis(port=server.address.port))
        cheap = _open_pages(browser, url, process, plain, pages=options.pages, seconds=options.seconds)
    sys.exit(not (soon and cheap))


def _first_content(browser: Browser, floor: str, url: str, *, rounds: int) -> bool:
    """Load both by turns; the first round of each warms them up and is left out."""
    floors, ours = [], []
    for _ in range(rounds + 1):
        floors.append(_load(browser, floor, "hello"))
        ours.append(_load(browser, url, "workloads:"))
    later = median(mine - its for mine, its in zip(ours[1:], floors[1:], strict=True))
    met = later <= MAX_SECONDS
    print(f"first content    Streamlit's own {median(floors[1:]):.2f} s, ours {median(ours[1:]):.2f} s")
    print(f"  later by       {later:.2f} s (median of {rounds}; at most {MAX_SECONDS} s: {verdict(met=met)})")
    return met


def _load(browser: Browser, url: str, text: str) -> float:
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.get_by_text(text).first.wait_for(timeout=60_000)
    took = time.perf_counter() - begun
    context.close()
    return took


def _open_pages(
    browser: Browser, url: str, process: psutil.Process, plain: redis.Redis, *, pages: int, seconds: float
) -> bool:
    """Open one, then more, and measure what they cost."""
    contexts = [browser.new_context(viewport=DESKTOP)]
    contexts[0].new_page().goto(url)
    contexts[0].pages[0].get_by_text("workloads:").wait_for()
    one = _watch(contexts[0].pages[0], process, plain, seconds=max(10.0, seconds / 10))
    for _ in range(pages - 1):
        contexts.append(browser.new_context(viewport=DESKTOP))
        contexts[-1].new_page().goto(url)
    for context in contexts:
        context.pages[0].get_by_text("workloads:").wait_for()
    many = _watch(contexts[0].pages[0], process, plain, seconds=seconds)
    later, last = many[len(many) // 3].memory_mib, many[-1].memory_mib
    flat = last <= MAX_GROWTH * later
    for name, samples in (("one page", one), (f"{pages} pages", many)):
        print(
            f"{name:<16} {median(s.commands for s in samples):.1f} commands/s, "
            f"{100 * median(s.cpu for s in samples):.0f} % of one CPU, {samples[-1].memory_mib:.0f} MiB"
        )
    print(f"  {seconds:.0f} s       commands/s from {min(s.commands for s in many):.1f} to ", end="")
    print(
        f"{max(s.commands for s in many):.1f}, memory {later:.0f} to {last:.0f} MiB: {'flat' if flat else 'NOT FLAT'}"
    )
    return flat


class _Cost(msgspec.Struct, frozen=True):
    """What the page cost within one sample."""

    commands: float
    """A second."""
    cpu: float
    """Seconds a second."""
    memory_mib: float


def _watch(page: Any, process: psutil.Process, plain: redis.Redis, *, seconds: float) -> list[_Cost]:
    costs = []
    for _ in range(max(3, int(seconds / SAMPLE_SECONDS))):
        commands, cpu, begun = _commands(plain), cpu_seconds(process.pid), time.perf_counter()
        page.wait_for_timeout(SAMPLE_SECONDS * 1000)
        passed = time.perf_counter() - begun
        costs.append(
            _Cost(
                (_commands(plain) - commands) / passed,
                (cpu_seconds(process.pid) - cpu) / passed,
                process.memory_info().rss / 2**20,
            )
        )
    return costs


def _commands(plain: redis.Redis) -> int:
    stats: Any = plain.info("commandstats")
    return sum(stat["calls"] for name, stat in stats.items() if name.removeprefix("cmdstat_") not in OWN_COMMANDS)


@contextlib.contextmanager
def serve(app: Path, address: RedisAddress) -> Iterator[tuple[str, psutil.Process]]:
    """Run a Streamlit app; gives its address and its process."""
    port = free_port()
    flags = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    command = [sys.executable, "-m", "streamlit", "run", str(app), *flags, "--browser.gatherUsageStats=false"]
    environment = {**os.environ, "REDIS_HOST": address.host, "REDIS_PORT": str(address.port)}
    with subprocess.Popen(command, env=environment, cwd=app.parent, stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or answers(f"{url}/_stcore/health"), seconds=START_SECONDS)
        assert process.poll() is None, "the page does not start"
        yield url, psutil.Process(process.pid)
        process.terminate()


@contextlib.contextmanager
def _reports(address: RedisAddress, workloads: int) -> Iterator[None]:
    """Report some workloads every second, of which every other sleeps, with an hour of samples behind them."""
    over = threading.Event()
    names = [f"workload-{number}" for number in range(workloads)]

    def report() -> None:
        with redis.Redis(port=address.port) as plain:
            while True:
                for number, name in enumerate(names):
                    plain.hset(WORKLOADS, f"default/{name}", msgspec.json.encode(_status(name, awake=number % 2)))
                if over.wait(1):
                    return

    with redis.Redis(port=address.port) as plain:
        for name in names:
            for second in range(3600, 0, -15):
                sample = Sample(0, second % 7, second % 3, second % 2, 3600 - second, 0, None)
                at = int((time.time() - second) * 1000)
                plain.xadd(Keys(own_list("default", name)).history, sample_fields(sample), id=f"{at}-0")
    reporter = threading.Thread(target=report)
    reporter.start()
    yield
    over.set()
    reporter.join()


def _status(name: str, *, awake: int) -> WorkloadStatus:
    return WorkloadStatus(
        namespace="default",
        name=name,
        list_name=own_list("default", name),
        state=WorkloadState.ACTIVE if awake else WorkloadState.SCALED_TO_ZERO,
        message="",
        replicas=awake,
        max_replicas=4,
        engine="Echo",
        model=None,
        queue={},
        sampled_at=time.time(),
        reason="WorkExists" if awake else "NoWork",
    )


if __name__ == "__main__":
    main()
