"""The overview, many prompts, large ones and the keyboard, in a real browser before a whole local instance."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from greenscale_jobs import JobClient
from greenscale_testing.browser import DESKTOP, PHONE, InstanceWithPage, Visit

Open = Callable[..., Visit]

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("light", DESKTOP, id="light"),
        pytest.param("dark", DESKTOP, id="dark"),
        pytest.param("light", PHONE, id="phone"),
    ],
)
def test_the_overview_shows_the_last_hour_and_needs_nothing_from_elsewhere(
    visit: Open, instance: InstanceWithPage, scheme: str, viewport: ViewportSize
) -> None:
    with JobClient(instance.address) as client:
        client.result(client.submit("hello"))
    opened = visit(viewport=viewport, color_scheme=scheme)
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^1 workload: 1 [a-z ]+; no prompt waits\.$"))
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart).to_be_visible(timeout=60_000)  # a young instance has none in its first half minute
    expect(page.get_by_text(re.compile(r"The last .*: asleep for"))).to_be_visible()
    expect(page.get_by_text("Needs attention")).to_have_count(0)
    opened.picture(f"overview-{scheme}-{viewport['width']}")

    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]
    assert opened.elsewhere(instance.url) == []


def test_the_keyboard_alone_sends_and_cancels(visit: Open) -> None:
    page = visit("/prompt").page
    field = page.get_by_role("textbox", name="Prompt")
    field.focus()
    page.keyboard.type("word " * 200)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    cancel.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_label("Chat message from assistant")).to_contain_text("Cancelled.")


def test_an_answer_of_a_mebibyte_does_not_stop_the_page_and_can_be_had_whole(
    visit: Open, instance: InstanceWithPage
) -> None:
    prompt = ("a long **answer**. " * (MIB // 19 + 1))[:MIB]
    with JobClient(instance.address) as client:
        job_id = client.submit(prompt)
        client.cancel(job_id)
        done = client.submit("x" * MIB)
    page = visit(f"/prompt?job={done}").page

    expect(page.get_by_text("The first 20,000 of 1,048,576 characters.").first).to_be_visible()
    expect(page.get_by_role("button", name="Download the full answer")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the full answer").click()
    assert len(Path(download.value.path()).read_text()) == MIB
    expect(page.get_by_role("textbox", name="Prompt")).to_be_editable()


def test_a_file_of_a_hundred_thousand_lines_goes_in_as_far_as_there_is_room(
    visit: Open, instance: InstanceWithPage, tmp_path: Path
) -> None:
    """The queue takes 10 000; the rest is kept, can be downloaded, and follows."""
    file = tmp_path / "prompts.jsonl"
    lines = ['{"prompt": "line"}'] * 100_000
    lines[77] = '{"prompt": '
    file.write_text("\n".join(lines))
    opened = visit("/prompt")
    page = opened.page
    page.get_by_text("Batch", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("prompts.jsonl")).to_be_visible()
    with instance.claims_nothing():
        page.get_by_role("button", name="Send all").click()
        expect(page.get_by_text(re.compile(r"\d+ prompts sent, \d\d,\d+ not yet: the queue is full"))).to_be_visible()
        expect(page.get_by_text("1 line cannot be sent; the rest is sent")).to_be_visible()
        opened.picture("batch-full-light")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download unsent prompts").click()
        rest = Path(download.value.path()).read_text().splitlines()

    assert 85_000 < len(rest) < 100_000
    items = [json.loads(line) for line in rest]
    assert {item["prompt"] for item in items} == {"line"}
    assert len({item["id"] for item in items}) == len(rest)
