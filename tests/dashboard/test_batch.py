"""A batch of prompts: the page's script, run without a browser against a real Redis."""

import re
from collections.abc import Callable

import streamlit as st
from streamlit.testing.v1 import AppTest

from greenscale_jobs import JobClient, JobQueue, JobState, RedisAddress

Draw = Callable[..., AppTest]


def several(page: AppTest) -> AppTest:
    return page.radio[0].set_value("Batch").run()


def send_all(page: AppTest, lines: str) -> AppTest:
    page.text_area(key="lines").input(lines)
    return press(page, "Send all")


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def test_each_line_is_sent_and_a_broken_one_is_named(open_page: Draw, address: RedisAddress, client: JobClient) -> None:
    page = send_all(several(open_page(address, "prompt")), 'one\n{"prompt": 1}\n\nthree')

    assert not page.exception
    assert [job.prompt for job in client.jobs(JobState.WAITING).jobs] == ["one", "three"]
    assert [expander.label for expander in page.expander] == ["1 line cannot be sent; the rest is sent"]
    assert list(page.dataframe[0].value["Line"]) == [2]
    assert "Expected `str`, got `int`" in page.dataframe[0].value["Why"][0]


def test_nothing_to_send_is_refused(open_page: Draw, address: RedisAddress) -> None:
    page = send_all(several(open_page(address, "prompt")), " \n ")

    assert [error.value for error in page.error] == ["Not sent: it contains no prompt."]


async def test_a_full_queue_says_how_many_went_in_and_sends_the_rest_when_there_is_room(
    open_page: Draw, address: RedisAddress, queue: JobQueue
) -> None:
    await queue.configure(max_length=2, result_ttl_seconds=60, paused=False)
    page = send_all(several(open_page(address, "prompt")), "one\ntwo\nthree")
    (warning,) = page.warning
    await queue.claim("w", 2)
    st.cache_data.clear()
    page.run()

    assert re.sub(r"\\(.)", r"\1", warning.value).startswith(
        "2 prompts sent, 1 not yet: the queue is full: 2 of at most 2 jobs wait (queue.maxLength). They are sent"
    )
    assert len(page.warning) == 0
    assert [job.prompt for job in (await queue.jobs(JobState.WAITING)).jobs] == ["three"]


def test_a_new_batch_begins_with_an_empty_box(open_page: Draw, address: RedisAddress, client: JobClient) -> None:
    page = press(send_all(several(open_page(address, "prompt")), "one"), "New batch")

    assert page.text_area(key="lines").value == ""
    assert client.stats().pending == 1


def test_what_was_just_sent_is_not_said_to_be_through(open_page: Draw, address: RedisAddress) -> None:
    """The numbers that all viewers share may be of the instant before: then the queue was empty."""
    page = send_all(several(open_page(address, "prompt")), "one\ntwo")

    assert [progress.proto.text for progress in page.get("progress")] == ["About 0 of 2 prompts finished"]
    assert "The whole queue: 2 waiting, 0 running, 0 dead." in [text.value for text in page.markdown]


def test_what_the_queue_refuses_is_named_like_what_cannot_be_read(
    open_page: Draw, address: RedisAddress, client: JobClient
) -> None:
    client.submit("another", job_id="mine")
    page = send_all(several(open_page(address, "prompt")), 'one\n{"prompt": "hi", "id": "mine"}\n{"prompt": 1}')

    assert not page.exception
    assert [expander.label for expander in page.expander] == ["2 lines cannot be sent; the rest is sent"]
    assert sorted(page.dataframe[0].value["Line"]) == [2, 3]
    assert any("stands for another prompt" in why for why in page.dataframe[0].value["Why"])
    assert [progress.proto.text for progress in page.get("progress")] == ["About 0 of 1 prompt finished"]
