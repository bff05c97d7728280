"""The page's Jobs, run without a browser against a real Redis."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, RedisAddress, WorkloadStatus
from greenscale_jobs.searching import MAX_TEXT_BYTES
from greenscale_testing.board import publish
from greenscale_testing.local_redis import Clock

Draw = Callable[..., AppTest]

WHY = "the prompt has 9321 tokens; the model takes 8192"


async def bury(queue: JobQueue, *prompts: str) -> list[str]:
    """Leave a dead job of each prompt."""
    ids = [await queue.submit(prompt) for prompt in prompts]
    for claim in await queue.claim("worker-1", len(prompts)) or []:
        await queue.bury(claim, "TooLong", WHY)
    return ids


async def finish(queue: JobQueue, clock: Clock, count: int) -> None:
    """Leave so many done jobs, the last of them the newest."""
    for number in range(count):
        await queue.submit(f"why {number}")
        (claim,) = await queue.claim("worker-1") or []
        await queue.finish([Finished(claim, "because", Outcome())])
        clock.advance(0.01)


def rows(page: AppTest) -> dict[str, list[Any]]:
    """Return the table, column by column."""
    assert not page.exception
    (table,) = page.dataframe
    return {name: [*column] for name, column in table.value.items()}


def labels(page: AppTest) -> list[str]:
    """Return what the buttons say."""
    assert not page.exception
    return [button.label for button in page.button]


def labels_of(page: AppTest, kind: str) -> list[str]:
    """Return the labels of elements that AppTest knows by their name only."""
    return [element.proto.label for element in page.get(kind)]


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def captions(page: AppTest) -> list[str]:
    """Return the small texts."""
    assert not page.exception
    return [text.value[7:-1] for text in page.markdown if text.value.startswith(":small[")]


def test_without_jobs_the_page_says_what_to_do(open_page: Draw, address: RedisAddress) -> None:
    page = open_page(address, "jobs")

    assert [info.value for info in page.info] == ["No jobs yet. They appear here as soon as a prompt is sent."]
    assert labels_of(page, "page_link") == ["Send a prompt"]


async def test_a_dead_job_shows_its_error_in_its_row(open_page: Draw, address: RedisAddress, queue: JobQueue) -> None:
    await bury(queue, "a long one")
    table = rows(open_page(address, "jobs"))

    assert (table["Prompt"], table["Answer or error"]) == (
        ["a long one"],
        [f"T{WHY[1:]}."],
    )
    assert [list(state) for state in table["State"]] == [["Dead"]]


async def test_one_state_is_listed_where_it_is_asked_for(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await bury(queue, "a dead one")
    await finish(queue, clock, 2)
    page = open_page(address, "jobs", state="Dead")
    dead = rows(page)["Prompt"]
    page.radio(key="state").set_value("Done").run()

    assert dead == ["a dead one"]
    assert rows(page)["Prompt"] == ["why 1", "why 0"]


async def test_the_text_is_searched_for_and_the_search_can_be_taken_back(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await finish(queue, clock, 3)
    page = open_page(address, "jobs")
    page.text_input(key="text").input("WHY 1").run()
    found = rows(page)["Prompt"], captions(page)
    page.text_input(key="text").input("nothing like it").run()
    nothing = [info.value for info in page.info]
    press(page, "Clear filter")

    assert found == (["why 1"], ["1 to 1 found, searched 3 of 3"])
    assert nothing == ["No jobs match this filter."]
    assert len(rows(page)["Prompt"]) == 3


def test_no_text_can_be_asked_for_that_is_too_long_to_look_for(open_page: Draw, address: RedisAddress) -> None:
    most = open_page(address, "jobs").text_input(key="text").max_chars

    assert 0 < most * len("\U0001f600".encode()) <= MAX_TEXT_BYTES


async def test_pages_are_turned_and_turned_back(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await finish(queue, clock, 60)
    page = open_page(address, "jobs")
    pages = [captions(page), *(captions(press(page, button)) for button in ("Next", "Previous"))]

    assert pages == [["1 to 50 of 60"], ["51 to 60 of 60"], ["1 to 50 of 60"]]
    assert "Previous" not in labels(page)


async def test_another_filter_begins_at_the_first_page(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await finish(queue, clock, 60)
    page = press(open_page(address, "jobs"), "Next")
    page.radio(key="state").set_value("Done").run()

    assert captions(page) == ["1 to 50 of 60"]


async def test_a_jobs_address_shows_it_in_full(open_page: Draw, address: RedisAddress, queue: JobQueue) -> None:
    (job_id,) = await bury(queue, "=1+1 ![x](http://evil) **bold**")
    page = open_page(address, "jobs", job=job_id)

    assert [error.value for error in page.error] == [f"TooLong: {WHY}."]
    assert "=1+1 ![x](http://evil) **bold**" in [code.value for code in page.code]  # a prompt is never markdown
    assert [text.value for text in page.text][1::2] == [
        "Sent",
        "Claimed by worker worker-1",
        f"Attempt 1 failed, TooLong: {WHY}.",
        "Dead",
    ]


async def test_a_dead_job_is_retried_and_a_waiting_one_cancelled(
    open_page: Draw, address: RedisAddress, queue: JobQueue, client: JobClient
) -> None:
    (job_id,) = await bury(queue, "a long one")
    page = press(open_page(address, "jobs", job=job_id), "Retry")
    sent = client.job(job_id).state
    press(page, "Cancel")

    assert (sent, client.job(job_id).state) == (JobState.WAITING, JobState.CANCELLED)
    assert "Cancel" not in labels(page)


async def test_before_all_dead_are_retried_their_number_is_named(
    open_page: Draw, address: RedisAddress, queue: JobQueue, client: JobClient
) -> None:
    """The effect of the confirmation is tested in a browser: AppTest knows no dialogs that are drawn alone."""
    await bury(queue, "one", "two", "three")
    page = press(open_page(address, "jobs"), "Retry 3 failed jobs")

    assert "3 failed jobs of this workload will go back to the queue, oldest first, with all attempts again." in [
        text.value for text in page.markdown
    ]
    assert "Retry 3 jobs" in labels(page)
    assert client.stats().dead == 3


async def test_an_export_says_how_many_jobs_it_holds(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await finish(queue, clock, 3)
    page = open_page(address, "jobs")
    page.menu_button(key="jobs-export").click("CSV").run()

    assert [text.value for text in page.markdown if "MiB" in text.value] == ["**3** jobs, 0.0 MiB"]
    assert labels_of(page, "download_button") == ["Download CSV"]


async def test_a_reader_is_offered_nothing_that_changes_a_job(
    open_page: Draw, address: RedisAddress, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_READONLY_PASSWORD", "look at it all")
    (job_id,) = await bury(queue, "a long one")
    await queue.submit("waits")
    page = open_page(address, "jobs", job=job_id)
    page.text_input[0].input("look at it all")
    page.button[0].click().run()

    assert rows(page)["Prompt"] == ["waits", "a long one"]
    assert set(labels(page)) <= {"Sign out"}


async def test_a_job_that_is_not_there_is_said_to_be_unknown(
    open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    await finish(queue, clock, 1)
    page = open_page(address, "jobs", job="nonsense")

    assert [warning.value for warning in page.warning] == [
        "No job has the id nonsense\\: it never existed here, or its result has expired."
    ]
    assert rows(page)["Prompt"] == ["why 0"]


async def test_a_huge_answer_is_shown_in_part_and_offered_whole(
    open_page: Draw, address: RedisAddress, queue: JobQueue
) -> None:
    job_id = await queue.submit("why")
    (claim,) = await queue.claim("worker-1") or []
    await queue.finish([Finished(claim, "x" * 1024 * 1024, Outcome())])
    page = open_page(address, "jobs", job=job_id)

    assert "x" * 20_000 in [code.value for code in page.code]
    assert "The first 20,000 of 1,048,576 characters." in captions(page)
    assert "Download the full text" in labels_of(page, "download_button")


async def test_the_jobs_of_the_chosen_workload_are_listed(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    for reported in (status, msgspec.structs.replace(status, name="other", list_name="others")):
        await publish(queue, reported)
    with JobClient(address, "others") as others:
        others.submit("theirs")

    assert rows(open_page(address, "jobs", workload="other"))["Prompt"] == ["theirs"]


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_off_makes_no_nonsense(
    hours: int, open_page: Draw, address: RedisAddress, queue: JobQueue, clock: Clock
) -> None:
    """Whoever sent a job may live in another time: it has not waited for less than nothing, and is shown."""
    clock.advance(hours * 3600)
    await queue.submit("from another time")
    table = rows(open_page(address, "jobs"))

    assert table["Prompt"] == ["from another time"]
    assert table["Took"] == ["waiting for 0.0 s" if hours > 0 else "waiting for 2 h"]
