"""The page in three ways: its functions, its script run by AppTest, and a browser before a whole local instance."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus
from greenscale_testing.browser import DESKTOP, PATIENCE_SECONDS, InstanceWithPage, Visit, chromium

Open = Callable[..., Visit]

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


@pytest.fixture
def status() -> WorkloadStatus:
    """A workload that sleeps, told of just now."""
    return WorkloadStatus(
        namespace="default",
        name="assistant",
        list_name="jobs",
        state="ScaledToZero",
        message="Nothing runs, nothing costs. A prompt wakes it.",
        replicas=0,
        max_replicas=4,
        engine="Echo",
        model=None,
        queue={},
        sampled_at=time.time(),
    )


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstanceWithPage]:
    """A running `greenscale local` with its page."""
    folder = tmp_path_factory.mktemp("local")
    instance = InstanceWithPage(folder / "run", folder / "workload.yaml")
    instance.start()
    yield instance
    instance.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Per module: while Playwright is open, no other test can run an event loop in this thread."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, instance: InstanceWithPage) -> Iterator[Open]:
    """Open the page in a fresh browser profile: a path, and what Playwright's `new_context` takes."""
    with ExitStack() as stack:

        def visit(path: str = "/", *, viewport: ViewportSize = DESKTOP, **context: Any) -> Visit:
            tab = stack.enter_context(browser.new_context(viewport=viewport, **context)).new_page()
            seen = Visit(tab)
            tab.goto(f"{instance.url}{path}")
            return seen

        yield visit
