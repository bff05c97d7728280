"""The page in the cluster, as `kubectl port-forward service/dashboard 8501` shows it."""

import re
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from greenscale_jobs import JobClient
from greenscale_testing.browser import DESKTOP, Visit, chromium
from greenscale_testing.kubernetes import Manifest, forwarded, kubectl, until

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(300)

SPOKEN = " ".join(f"word{number}" for number in range(60))
"""Echo says it in 3 s: long enough to be seen while it grows."""

START_SECONDS = 60.0
"""A pod's start, which the page waits for."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Visit]:
    """A tab; its base is the dashboard's service."""
    with (
        forwarded("dashboard", 8501) as port,
        browser.new_context(viewport=DESKTOP, base_url=f"http://127.0.0.1:{port}") as context,
    ):
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"), seconds=60)
        yield Visit(context.new_page())


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the fixture's own address
            return True
    except OSError:
        return False


def badge(page: Page, word: str) -> Locator:
    return page.locator(".stMarkdownBadge").filter(has_text=re.compile(rf"{word}$"))


def test_a_prompt_wakes_a_pod_and_its_whole_progress_is_reported(
    workload: Make, client_of: Client, namespace: str, page: Visit
) -> None:
    workload("seen")
    kubectl("wait", "--for=condition=Ready", "gsw/seen", "-n", namespace, "--timeout=60s")
    client = client_of("seen")
    until(lambda: any(status.name == "seen" for status in client.workloads()), seconds=60)
    tab = page.page
    tab.goto("/prompt?workload=seen")
    expect(badge(tab, "Asleep")).to_be_visible()
    tab.get_by_role("textbox", name="Prompt").fill(SPOKEN)
    tab.get_by_role("button", name="Send").click()
    answer = tab.get_by_label("Chat message from assistant").last
    expect(answer).to_contain_text("word3", timeout=START_SECONDS * 1000)
    expect(answer).to_contain_text(
        re.compile(r"queued .* waking .* claimed .* first token .* done .* in all, .* of it asleep"),
        timeout=START_SECONDS * 1000,
    )
    page.picture("cluster-done")
    expect(badge(tab, "Asleep")).to_be_visible(timeout=START_SECONDS * 1000)

    tab.goto("/workload?workload=seen")
    expect(tab.get_by_text("ScaledObject").first).to_be_visible()
    page.picture("cluster-workload")
