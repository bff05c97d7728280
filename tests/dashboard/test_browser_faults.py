"""Bad input and faults in a real browser: each page says what is wrong, recovers by itself, and loses nothing typed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from greenscale_jobs import JobClient
from greenscale_testing.browser import InstanceWithPage, Visit

Open = Callable[..., Visit]

MIB = 1024 * 1024


def batch(page: Page) -> None:
    page.get_by_text("Batch", exact=True).click()
    page.get_by_role("textbox", name="Prompts, one a line").fill("one\ntwo")


def search(page: Page) -> None:
    page.get_by_role("textbox", name="Search").fill("a long thought")


def nothing(_page: Page) -> None:
    """There is no field on the page."""


@pytest.mark.parametrize(
    ("path", "kept", "type_", "field", "typed"),
    [
        pytest.param("/", "1 workload:", nothing, None, "", id="overview"),
        pytest.param("/jobs", "running ·", search, "Search", "a long thought", id="jobs"),
        pytest.param("/workload", "Time range", nothing, None, "", id="workload"),
        pytest.param("/prompt", "assistant", batch, "Prompts, one a line", "one\ntwo", id="batch"),
    ],
)
def test_every_page_says_that_redis_is_away_and_recovers(
    visit: Open,
    instance: InstanceWithPage,
    path: str,
    kept: str,
    type_: Callable[[Page], None],
    field: str | None,
    typed: str,
) -> None:
    opened = visit(path)
    page = opened.page
    expect(page.get_by_text(kept).first).to_be_visible()
    type_(page)
    away = page.get_by_text(f"Redis at {instance.address} does not answer").first
    with instance.redis_frozen():
        expect(away).to_be_visible()
        opened.picture(f"redis-away{path.replace('/', '-').rstrip('-')}-light")
        if field:
            expect(page.get_by_role("textbox", name=field)).to_have_value(typed)

    expect(away).to_have_count(0)
    expect(page.get_by_text(kept).first).to_be_visible()
    if field:
        expect(page.get_by_role("textbox", name=field)).to_have_value(typed)


def test_a_prompt_of_a_mebibyte_goes_in_and_a_byte_more_is_refused_and_kept(
    visit: Open, instance: InstanceWithPage
) -> None:
    opened = visit("/prompt")
    page = opened.page
    field = page.get_by_role("textbox", name="Prompt")
    field.fill("x" * (MIB + 1))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("the prompt has 1048577 bytes; at most 1048576 are allowed")).to_be_visible()
    opened.picture("prompt-too-large-light")
    assert len(field.input_value()) == MIB + 1

    with instance.claims_nothing():
        field.fill("x" * MIB)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("The first 20,000 of 1,048,576 characters.")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_label("Chat message from assistant")).to_contain_text("Cancelled.")


def test_a_files_broken_lines_are_named_and_the_others_are_done(visit: Open, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(b'{"prompt": "good"}\n{"prompt": \nplain text\n\xff\xfe\n{"promt": "x"}\n{"prompt": "good too"}\n')
    opened = visit("/prompt")
    page = opened.page
    page.get_by_text("Batch", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("prompts.jsonl")).to_be_visible()
    page.get_by_role("button", name="Send all").click()
    expect(page.get_by_text("4 lines cannot be sent; the rest is sent")).to_be_visible()
    page.get_by_text("4 lines cannot be sent").click()
    cells = page.locator("canvas td")
    for number in ("2", "3", "4", "5"):
        expect(cells.filter(has_text=re.compile(f"^{number}$"))).to_be_attached()

    expect(page.get_by_text("2 of 2 prompts finished")).to_be_visible()
    opened.picture("batch-broken-light")


def test_a_full_queue_refuses_a_prompt_which_stays_and_goes_in_once_there_is_room(
    visit: Open, instance: InstanceWithPage
) -> None:
    """What was typed may have taken somebody an hour."""
    typed = "the first line of a long thought\n" * 20
    opened = visit("/prompt")
    page = opened.page
    field = page.get_by_role("textbox", name="Prompt")
    with instance.takes_at_most(1), instance.claims_nothing(), JobClient(instance.address) as client:
        waits = client.submit("it waits already")
        field.fill(typed)
        page.get_by_role("button", name="Send").click()
        refusal = page.get_by_text("Not sent to assistant: the queue is full: 1 of at most 1 jobs wait")
        expect(refusal).to_contain_text("try again when workers have caught up")
        expect(refusal).to_be_in_viewport()
        expect(field).to_have_value(typed)
        opened.picture("prompt-full-light")

        client.cancel(waits)
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_label("Chat message from user")).to_contain_text("the first line of a long thought")
        expect(refusal).to_have_count(0)
        expect(field).to_have_value("")
        assert client.stats().pending == 1
    expect(page.get_by_label("Chat message from assistant")).to_contain_text(re.compile(r"\d s in all"))
