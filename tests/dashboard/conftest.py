"""The page in three ways: its functions, its script run by AppTest, and a browser before a whole local instance."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from playwright.sync_api import Browser, ViewportSize, expect
from streamlit import config
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus
from greenscale_testing.browser import DESKTOP, PATIENCE_SECONDS, InstanceWithPage, Visit, chromium

Open = Callable[..., Visit]
Draw = Callable[..., AppTest]

APP = Path(__file__).parents[2] / "dashboard" / "app.py"

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What one test read must not be what the next one sees."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
    st.secrets._reset()  # noqa: SLF001


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


@pytest.fixture
def status() -> WorkloadStatus:
    """A workload that sleeps, reported just now."""
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
        reason="NoWork",
    )


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Draw]:
    """Draw one page for the Redis at an address, without a browser; keyword arguments are its query."""
    for name in os.environ:
        if name.startswith(("REDIS", "GREENSCALE")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    before = st.get_option("server.address")
    config.set_option("server.address", "127.0.0.1")

    def open_page(
        redis: RedisAddress, page: str = "overview", *, user: dict[str, Any] | None = None, **query: str
    ) -> AppTest:
        monkeypatch.setenv("REDIS_HOST", redis.host)
        monkeypatch.setenv("REDIS_PORT", str(redis.port))
        opened = AppTest.from_file(APP, default_timeout=30)
        opened._page_hash = calc_hash(page)  # noqa: SLF001 - its switch_page knows files only
        opened.user = user or {}
        for name, value in query.items():
            opened.query_params[name] = value
        return opened.run()

    yield open_page
    config.set_option("server.address", before)


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
    """Open a path of an instance in a fresh browser profile; more is what Playwright's `new_context` takes."""
    with ExitStack() as stack:

        def visit(
            path: str = "/", *, of: InstanceWithPage = instance, viewport: ViewportSize = DESKTOP, **context: Any
        ) -> Visit:
            tab = stack.enter_context(browser.new_context(viewport=viewport, **context)).new_page()
            opened = Visit(tab)
            tab.goto(f"{of.url}{path}")
            return opened

        yield visit
