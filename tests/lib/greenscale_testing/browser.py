"""A real Chromium before a real `greenscale local` with its page."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import redis
import yaml
from playwright.sync_api import Browser, Page, Request, ViewportSize, sync_playwright

from greenscale_cli import endpoint
from greenscale_jobs import JobQueue, JobState
from greenscale_testing.instances import GREENSCALE, Instance

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

START_SECONDS = 60
PATIENCE_SECONDS = 20
"""How long the page may take to show what a test waits for, on a busy machine."""

ASLEEP_AFTER_SECONDS = 2

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)

ARTIFACTS = Path(__file__).parents[3] / "artifacts"
"""Where screenshots go, for a person to look at; git ignores it."""


class InstanceWithPage(Instance):
    """One `greenscale local` with its page, asleep soon after the last job."""

    engine: dict[str, object] = {"type": "Echo"}  # noqa: RUF012 - replaced as a whole
    asleep_after = ASLEEP_AFTER_SECONDS

    def start(self, **environment: str) -> "InstanceWithPage":
        spec = {
            "engine": self.engine,
            "worker": {"concurrency": 2},
            "queue": {"listName": "jobs", "leaseSeconds": 5},
            "scaling": {"maxReplicas": 4, "pollingInterval": 1, "cooldownPeriod": self.asleep_after},
        }
        kind = {"apiVersion": "greenscale.dev/v1alpha1", "kind": "GreenScaleWorkload"}
        self.file.write_text(yaml.safe_dump({**kind, "metadata": {"name": "assistant"}, "spec": spec}))
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "REDIS"))}
        with self.output.open("wb") as out:
            command: list[str | Path] = [GREENSCALE, "local", self.file, "--run-dir", self.run_dir]
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**ours, **environment})
        deadline = time.monotonic() + START_SECONDS
        while endpoint.read(self.run_dir) is None:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)
        return self

    @property
    def url(self) -> str:
        """The page's origin."""
        running = endpoint.read(self.run_dir)
        assert running is not None
        assert running.page is not None
        return running.page

    def bury(self, *prompts: str) -> list[str]:
        """Leave a dead job of each prompt, failed twice, and nothing else."""
        with self._held_asleep(), ThreadPoolExecutor(1) as other_thread:
            # This thread may not run an event loop while Playwright is open.
            return other_thread.submit(asyncio.run, self._bury(prompts)).result()

    async def _bury(self, prompts: Sequence[str]) -> list[str]:
        async with JobQueue(self.address) as queue:
            return [await _bury(queue, prompt) for prompt in prompts]

    @contextmanager
    def _held_asleep(self) -> Iterator[None]:
        """Let no worker run meanwhile: one that is awake may take a prompt first, and its answer is one row more."""
        supervisor = psutil.Process(self.pid)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            psutil.wait_procs(self._workers(), timeout=START_SECONDS)
            with _frozen(supervisor):
                if not self._workers():
                    yield
                    return
        raise AssertionError(f"it does not fall asleep: {self.output.read_text()}")

    def _workers(self) -> list[psutil.Process]:
        """Return the workers that run; of one that has ended, nobody can ask what it was."""
        running: list[psutil.Process] = []
        for child in psutil.Process(self.pid).children():
            with suppress(psutil.NoSuchProcess):
                if "greenscale_worker" in child.cmdline():
                    running.append(child)
        return running

    @contextmanager
    def claims_nothing(self) -> Iterator[None]:
        """Let workers wake and then wait."""
        with self._configured("paused", 1):
            yield

    @contextmanager
    def takes_at_most(self, jobs: int) -> Iterator[None]:
        """Let the queue be full once so many wait."""
        with self._configured("maxLength", jobs):
            yield

    @contextmanager
    def _configured(self, field: str, value: int) -> Iterator[None]:
        with redis.Redis(port=self.address.port) as plain:
            before = plain.hget("jobs:config", field)
            plain.hset("jobs:config", field, value)
            try:
                yield
            finally:
                plain.hset("jobs:config", field, before)

    @contextmanager
    def redis_frozen(self) -> Iterator[psutil.Process]:
        """Stop its Redis as a hanging disk would: connections stand, nothing answers."""
        (server,) = self.children("valkey-server")
        with _frozen(server):
            yield server


@contextmanager
def _frozen(process: psutil.Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


async def _bury(queue: JobQueue, prompt: str) -> str:
    """Take a job in a worker's place, and fail it twice."""
    job_id = await queue.submit(prompt)
    (claim,) = await queue.claim("worker-1") or []
    await queue.retry(claim, "RateLimited", "the model's API is busy", delay_seconds=0)
    while not (await queue.maintain()).due:
        pass  # it is due at the nearest millisecond, which may be the next
    (claim,) = await queue.claim("worker-2") or []
    await queue.bury(claim, "TooLong", "the prompt has 9321 tokens; the model takes 8192")
    assert (await queue.job(job_id)).state is JobState.DEAD
    return job_id


class Visit:
    """One tab, and every address that it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requested: list[str] = []
        page.on("request", self._note)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)

    def _note(self, request: Request) -> None:
        self.requested.append(request.url)

    def elsewhere(self, origin: str) -> list[str]:
        """Return the addresses outside the page's own origin; `data:` leaves the browser not at all."""
        return [url for url in self.requested if not url.startswith((f"{origin}/", "data:", "blob:"))]

    def picture(self, name: str, *, whole: bool = False) -> Path:
        """Take a picture for a person to look at: of what the screen shows, or of the whole page."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        before = self.page.viewport_size
        if whole and before:  # the page scrolls within a part of itself
            height = self.page.evaluate("document.querySelector('.stMain').scrollHeight")
            self.page.set_viewport_size(ViewportSize(width=before["width"], height=height))
        self.page.screenshot(path=path)
        if before:
            self.page.set_viewport_size(before)
        return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium. Without one it fails: the page must not go unseen."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "Chromium is missing: `make test` installs it (tests/install-browser)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
