"""GreenScale beside `greenscale local`: its command, and its page."""

import asyncio
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect

from bench.compare import model
from bench.compare.stage import DEAD, GOOD, MANY, Ways, folder, lines, until
from bench.compare.steps import Steps
from greenscale_jobs import JobClient, JobQueue, RedisAddress, new_item
from greenscale_testing.browser import InstanceWithPage

FRONT = "1 workload"
"""What the page says first; its links may be clicked then."""


class Local(InstanceWithPage):
    """A folder with a `greenscale local` in it, soon asleep again: Echo, at most four workers of two jobs each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / ".greenscale", folder / "workload.yaml")
        self.folder = folder
        self.environment = {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        (folder / "prompts.txt").write_text(lines("prompt", MANY))

    def rest(self) -> None:
        """Wait until it sleeps."""
        with JobClient(self.address) as client:
            until(lambda: [workload.state for workload in client.workloads()] == ["ScaledToZero"])

    def answered(self) -> int:
        """Return how many jobs were done."""
        with JobClient(self.address) as client:
            return client.stats().counters.get("done", 0)

    def fail(self, count: int) -> None:
        """Have so many dead jobs and no other, after some that went well.

        Echo never fails: this takes the jobs before a worker wakes, and says of each what one would say.
        """
        with JobClient(self.address) as client:
            client.redrive_all()
            items = [new_item(line) for line in lines("good", GOOD).split()]
            client.submit_many(items)
            for item in items:
                client.result(item.id)
        self.rest()
        with ThreadPoolExecutor(1) as other_thread:  # Playwright has an event loop in this one
            other_thread.submit(asyncio.run, _bury(self.address, count)).result()
        self.rest()
        with JobClient(self.address) as client:
            assert client.stats().dead == count


async def _bury(address: RedisAddress, count: int) -> None:
    async with JobQueue(address) as queue:
        await queue.submit_many([new_item(line) for line in lines("bad", count).split()])
        for claim in await queue.claim("worker", count) or []:
            await queue.bury(claim, "ModelDown", model.BUSY)


@contextmanager
def stage() -> Iterator[Local]:
    """Bring GreenScale, asleep."""
    with folder() as made:
        local = Local(made)
        try:
            local.start()
            yield local
        finally:
            local.stop()


def shell_asks(stage: Local, steps: Steps) -> None:
    """Send, and see the answer as it comes."""
    stage.rest()
    with steps.timed():
        answer = steps.command("greenscale submit --stream hello")
    assert answer == "hello\n"


def shell_finds(stage: Local, steps: Steps) -> None:
    """List the dead: the error stands there."""
    stage.fail(1)
    with steps.timed():
        printed = steps.command("greenscale jobs list --state dead")
    assert model.BUSY in printed


def shell_retries(stage: Local, steps: Steps) -> None:
    """Say so."""
    stage.fail(DEAD)
    answered = stage.answered()
    with steps.timed():
        steps.command("greenscale jobs retry --all-dead --yes")
    until(lambda: stage.answered() == answered + DEAD)


def shell_sees_sleep(stage: Local, steps: Steps) -> None:
    """Ask for the status."""
    stage.rest()
    with steps.timed():
        printed = steps.command("greenscale status")
    assert "ScaledToZero" in printed


def shell_sends_many(stage: Local, steps: Steps) -> None:
    """Send a file of lines."""
    stage.rest()
    answered = stage.answered()
    with steps.timed():
        steps.command("greenscale submit --file prompts.txt")
    until(lambda: stage.answered() == answered + MANY)


def _front(stage: Local, steps: Steps) -> None:
    steps.open(stage.url)
    steps.page.get_by_text(FRONT).wait_for()


def page_asks(stage: Local, steps: Steps) -> None:
    """Go from the overview to the prompt, which shows the answer."""
    stage.rest()
    with steps.timed():
        _front(stage, steps)
        steps.click(steps.page.get_by_role("link", name="Send a prompt"))
        steps.fill(steps.page.get_by_role("textbox", name="Prompt"), "hello")
        steps.click(steps.page.get_by_role("button", name="Send"))
        expect(steps.page.get_by_label("Chat message from assistant")).to_contain_text("hello")


def page_finds(stage: Local, steps: Steps) -> None:
    """Go from the overview to the dead, whose errors stand in the table."""
    stage.fail(1)
    with steps.timed():
        _front(stage, steps)
        steps.click(steps.page.get_by_role("link", name="View failed jobs"))
        steps.page.locator("canvas td").filter(has_text=model.BUSY).wait_for(state="attached")


def page_retries(stage: Local, steps: Steps) -> None:
    """Retry all failed jobs, and confirm it."""
    stage.fail(DEAD)
    answered = stage.answered()
    with steps.timed():
        _front(stage, steps)
        steps.click(steps.page.get_by_role("link", name="View failed jobs"))
        steps.click(steps.page.get_by_role("button", name=f"Retry {DEAD} failed jobs"))
        steps.click(steps.page.get_by_role("dialog").get_by_role("button", name=f"Retry {DEAD} jobs"))
        steps.page.get_by_text(f"{DEAD} jobs retried.").wait_for()
    until(lambda: stage.answered() == answered + DEAD)


def page_sees_sleep(stage: Local, steps: Steps) -> None:
    """Open the overview."""
    stage.rest()
    with steps.timed():
        steps.open(stage.url)
        steps.page.get_by_text("1 workload: 1 asleep").wait_for()


def page_sends_many(stage: Local, steps: Steps) -> None:
    """Send a file of lines."""
    stage.rest()
    answered = stage.answered()
    with steps.timed():
        _front(stage, steps)
        steps.click(steps.page.get_by_role("link", name="Send a prompt"))
        steps.click(steps.page.get_by_text("Batch", exact=True))
        steps.choose_file(steps.page.locator("input[type=file]"), stage.folder / "prompts.txt")
        steps.page.get_by_text("prompts.txt").wait_for()
        steps.click(steps.page.get_by_role("button", name="Send all"))
        steps.page.get_by_text(f"of {MANY:,} prompts finished").wait_for()
    until(lambda: stage.answered() == answered + MANY)


WAYS: Ways = {
    "GreenScale's command": {
        "a": shell_asks,
        "b": shell_finds,
        "c": shell_retries,
        "d": shell_sees_sleep,
        "e": shell_sends_many,
    },
    "GreenScale's page": {
        "a": page_asks,
        "b": page_finds,
        "c": page_retries,
        "d": page_sees_sleep,
        "e": page_sends_many,
    },
}
