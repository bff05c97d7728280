"""What the Jobs page of a queue with 100 000 jobs takes: the viewer's time, and Redis'.

python -m bench.jobs_page [--jobs 100000] [--rounds 5] [--seconds 20]

One job of a thousand is dead. The viewer's time is from a click, or from the address, to what it asked for being
seen in Chromium. Redis' is the CPU that it used meanwhile, as it reports it itself.
"""

import argparse
import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from statistics import median

import redis
from playwright.sync_api import Browser, Page, expect

from bench.counters import redis_cpu_seconds
from bench.page_load import serve
from bench.places import ROOT
from bench.servers import running_redis
from greenscale_jobs import Finished, JobQueue, Outcome, RedisAddress, new_item
from greenscale_testing.browser import DESKTOP, chromium

PORTION = 1000
DEAD_OF = 1000
"""One of so many jobs is dead."""

PATIENCE_MS = 20_000

ALL_SEARCHED = re.compile(r"searched ([\d,]+) of \1$")


def main() -> None:
    """Measure, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs_page", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_redis())
        asyncio.run(_fill(server.address, options.jobs))
        url, _ = stack.enter_context(serve(ROOT / "dashboard" / "app.py", server.address))
        browser = stack.enter_context(chromium())
        plain = stack.enter_context(redis.Redis(port=server.address.port))
        print(f"{options.jobs:,} jobs, of which {options.jobs // DEAD_OF:,} dead; medians of {options.rounds}")
        print(f"{'':<34} seen after  Redis busy")
        for name, act in STEPS.items():
            costs = [_step(browser, f"{url}/jobs", plain, act) for _ in range(options.rounds + 1)][1:]
            delay, busy = (median(column) for column in zip(*costs, strict=True))
            print(f"{name:<34} {delay:>8.2f} s  {busy * 1000:>7.1f} ms")
        for name, path in (("left open", "/jobs"), ("left open on a search in vain", "/jobs?text=nothing-like-it")):
            share = _left_open(browser, f"{url}{path}", plain, seconds=options.seconds)
            print(f"{name:<34} {'':>10}  {share * 1000:>7.1f} ms in a second, with a new job in each")


async def _fill(address: RedisAddress, count: int) -> None:
    async with JobQueue(address) as queue:
        for first in range(0, count, PORTION):
            numbers = range(first, first + PORTION)
            await queue.submit_many([new_item(f"Why is the sky blue? {number}") for number in numbers])
            claims = await queue.claim("bench", PORTION) or []
            for claim in claims[::DEAD_OF]:
                await queue.bury(claim, "TooLong", "the prompt has 9321 tokens; the model takes 8192")
            await queue.finish(
                [Finished(claim, "Because.", Outcome()) for n, claim in enumerate(claims) if n % DEAD_OF]
            )


Act = Callable[[Page], None]


def _first_page(page: Page) -> None:
    page.get_by_text("1 to 50 of").wait_for()


def _dead(page: Page) -> None:
    page.get_by_role("radiogroup").get_by_text("Dead").click()
    page.get_by_text("1 to 50 of 100", exact=True).wait_for()


def _next(page: Page) -> None:
    page.get_by_role("button", name="Next").click()
    page.get_by_text("51 to 100 of").wait_for()


def _search(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Search")
    field.fill(text)
    field.press("Enter")


def _found(page: Page) -> None:
    _search(page, "sky")
    page.get_by_text("1 to 50 found").wait_for()


def _to_the_end(page: Page, text: str) -> None:
    """Search, and go on until all jobs were searched."""
    _search(page, text)
    go_on, over = page.get_by_role("button", name="Continue search"), page.get_by_text(ALL_SEARCHED)
    while True:
        go_on.or_(over).first.wait_for()
        if over.is_visible():
            return
        before = page.get_by_text(re.compile(r"found, searched")).inner_text()
        go_on.click()
        expect(page.get_by_text(before, exact=True)).to_have_count(0)


def _few(page: Page) -> None:
    _to_the_end(page, "blue? 1234")


def _in_vain(page: Page) -> None:
    _to_the_end(page, "nothing-like-it")


STEPS: dict[str, Act | None] = {
    "first page": None,
    "one state": _dead,
    "next page": _next,
    "search, found at once": _found,
    "search for eleven, to its end": _few,
    "search in vain, to its end": _in_vain,
}


def _step(browser: Browser, url: str, plain: redis.Redis, act: Act | None) -> tuple[float, float]:
    """Open the page, do something, and return the seconds that it took, and Redis was busy."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    busy, begun = redis_cpu_seconds(plain), time.perf_counter()
    page.goto(url, wait_until="commit")
    _first_page(page)
    if act:
        page.wait_for_load_state("networkidle")
        busy, begun = redis_cpu_seconds(plain), time.perf_counter()
        act(page)
    took = time.perf_counter() - begun, redis_cpu_seconds(plain) - busy
    context.close()
    return took


def _left_open(browser: Browser, url: str, plain: redis.Redis, *, seconds: float) -> float:
    """Return how much of a second Redis is busy with one viewer who does nothing, while a job comes each second."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(url)
    page.get_by_text(re.compile(r"found, searched")).or_(page.get_by_text("1 to 50 of")).first.wait_for()
    busy, begun = redis_cpu_seconds(plain), time.perf_counter()
    while time.perf_counter() < begun + seconds:
        plain.lpush("jobs", "one more")
        page.wait_for_timeout(1000)
    share = (redis_cpu_seconds(plain) - busy) / (time.perf_counter() - begun)
    context.close()
    return share


if __name__ == "__main__":
    main()
