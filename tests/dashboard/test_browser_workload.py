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
def test_a_workload_is_drawn_and_told_as_yaml(visit: Open, scheme: str, viewport: ViewportSize) -> None:
    seen = visit("/workload", viewport=viewport, color_scheme=scheme)
    page = seen.page
    look = f"{scheme}-{viewport['width']}"
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts.nth(2)).to_be_visible()  # the fourth, jobs a minute, needs a whole one; Echo counts no tokens
    expect(charts.locator("canvas, svg").first).to_be_visible()
    expect(page.get_by_text("The engine has told of no tokens in this time.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Usually \d\S* s, the median of \d"))).to_be_visible()
    seen.picture(f"workload-{look}")
    seen.picture(f"workload-whole-{look}", whole=True)

    resource = tab(page, "Resource").get_by_test_id("stCode")
    expect(resource).to_contain_text("kind: GreenScaleWorkload")
    expect(resource).to_contain_text("leaseSeconds: 5")
    seen.picture(f"workload-resource-{look}")
    scaled_object = tab(page, "ScaledObject").get_by_test_id("stCode")
    expect(scaled_object).to_contain_text("kind: ScaledObject")
    expect(scaled_object).to_contain_text("cooldownPeriod: 2")
    seen.picture(f"workload-scaled-{look}")
    tab(page, "Conditions")
    expect(page.get_by_text("Outside a cluster there are none.")).to_be_visible()
    tab(page, "Commands")
    expect(page.get_by_text("greenscale status --watch")).to_be_visible()
    seen.picture(f"workload-commands-{look}")

    assert "tab=Commands" in page.url
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]


def test_a_workload_that_comes_and_is_deleted_is_told_of_without_a_reload(
    visit: Open, instance: InstanceWithPage
) -> None:
    overview = visit("/").page
    expect(overview.get_by_role("heading", name=re.compile("^assistant"))).to_be_visible()
    with redis.Redis(port=instance.address.port) as plain:
        plain.hset(WORKLOADS, "default/doomed", msgspec.json.encode(doomed()))
        expect(overview.get_by_role("heading", name=re.compile("^doomed"))).to_be_visible()
        seen = visit("/workload?workload=doomed")
        expect(seen.page.get_by_text("Nothing runs, nothing costs.").first).to_be_visible()
        plain.hdel(WORKLOADS, "default/doomed")

    expect(seen.page.get_by_text("No workload is known with this queue: it was deleted")).to_be_visible()
    seen.picture("workload-deleted-light")
    tab(seen.page, "Commands")
    expect(seen.page.get_by_text("No workload is called doomed: it was deleted, or never was.")).to_be_visible()
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
