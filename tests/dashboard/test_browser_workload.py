"""The Workload page in a real browser, before a whole local instance, and what the page says of one that is deleted."""

import re
import time
from collections.abc import Callable

import msgspec
import pytest
import redis
from playwright.sync_api import Locator, Page, ViewportSize, expect

from greenscale_jobs import JobClient, WorkloadStatus
from greenscale_jobs.keys import WORKLOADS
from greenscale_testing.browser import DESKTOP, PHONE, InstanceWithPage, Visit

Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def worked(instance: InstanceWithPage) -> None:
    """Some jobs are done, one of them woke a worker."""
    with JobClient(instance.address) as client:
        for prompt in ("Why is the sky blue?", "word " * 20, "hello"):
            client.result(client.submit(prompt))


def tab(page: Page, name: str) -> Locator:
    """Open a tab and return what it shows."""
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("light", DESKTOP, id="light"),
        pytest.param("dark", DESKTOP, id="dark"),
        pytest.param("light", PHONE, id="phone"),
    ],
)
def test_a_workload_is_drawn_and_shown_as_yaml(visit: Open, scheme: str, viewport: ViewportSize) -> None:
    opened = visit("/workload", viewport=viewport, color_scheme=scheme)
    page = opened.page
    suffix = f"{scheme}-{viewport['width']}"
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts.nth(2)).to_be_visible()  # the fourth, jobs a minute, needs a whole one; Echo counts no tokens
    expect(charts.locator("canvas, svg").first).to_be_visible()
    expect(page.get_by_text("The engine reported no tokens in this time range.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Median \d\S* s \(\d"))).to_be_visible()
    opened.picture(f"workload-{suffix}")
    opened.picture(f"workload-whole-{suffix}", whole=True)

    resource = tab(page, "Resource").get_by_test_id("stCode")
    expect(resource).to_contain_text("kind: GreenScaleWorkload")
    expect(resource).to_contain_text("leaseSeconds: 5")
    opened.picture(f"workload-resource-{suffix}")
    scaled_object = tab(page, "ScaledObject").get_by_test_id("stCode")
    expect(scaled_object).to_contain_text("kind: ScaledObject")
    expect(scaled_object).to_contain_text("cooldownPeriod: 2")
    opened.picture(f"workload-scaled-{suffix}")
    tab(page, "Conditions")
    expect(page.get_by_text("Conditions exist only in a cluster.")).to_be_visible()
    tab(page, "Commands")
    expect(page.get_by_text("greenscale status --watch")).to_be_visible()
    opened.picture(f"workload-commands-{suffix}")

    assert "tab=Commands" in page.url
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]


def test_a_workload_that_comes_and_is_deleted_is_shown_without_a_reload(
    visit: Open, instance: InstanceWithPage
) -> None:
    overview = visit("/").page
    expect(overview.get_by_role("heading", name=re.compile("^assistant"))).to_be_visible()
    with redis.Redis(port=instance.address.port) as plain:
        plain.hset(WORKLOADS, "default/doomed", msgspec.json.encode(doomed()))
        expect(overview.get_by_role("heading", name=re.compile("^doomed"))).to_be_visible()
        opened = visit("/workload?workload=doomed")
        expect(opened.page.get_by_text("Nothing runs, nothing costs.").first).to_be_visible()
        plain.hdel(WORKLOADS, "default/doomed")

    expect(opened.page.get_by_text("No workload uses this queue: it was deleted")).to_be_visible()
    opened.picture("workload-deleted-light")
    tab(opened.page, "Commands")
    expect(opened.page.get_by_text("No workload is called doomed: it was deleted or never existed.")).to_be_visible()
    expect(overview.get_by_role("heading", name=re.compile("^doomed"))).to_have_count(0)


def doomed() -> WorkloadStatus:
    return WorkloadStatus(
        namespace="default",
        name="doomed",
        list_name="doomed",
        state="ScaledToZero",
        message="",
        replicas=0,
        max_replicas=1,
        engine="Echo",
        model=None,
        queue={},
        sampled_at=time.time(),
        reason="NoWork",
    )
