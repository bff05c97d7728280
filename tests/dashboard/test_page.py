"""The page's script, run without a browser against a real Redis."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from greenscale_jobs import Finished, JobClient, JobQueue, Outcome, RedisAddress, Turn, WorkloadStatus
from greenscale_testing.board import publish
from greenscale_testing.local_redis import RedisServer

Open = Callable[..., AppTest]


def send(page: AppTest, prompt: str) -> AppTest:
    page.text_area(key="text").input(prompt)
    return press(page, "Send")


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def errors(page: AppTest) -> list[str]:
    """Return what the page says in red, as one reads it; a traceback is never among it."""
    assert not page.exception
    return [read(error.value) for error in page.error]


def read(markdown: str) -> str:
    return re.sub(r"\\(.)", r"\1", markdown)


def texts(page: AppTest) -> list[str]:
    assert not page.exception
    return [read(markdown.value) for markdown in page.markdown]


async def test_a_prompt_goes_to_the_workload_that_is_chosen(
    open_page: Open, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    other = msgspec.structs.replace(status, name="other", list_name="others")
    for reported in (status, other):
        await publish(queue, reported)
    page = open_page(address, "prompt", workload="other")
    chosen = page.selectbox[0].value
    send(page, "hello")

    assert (chosen, errors(page)) == ("other", [])
    assert (await queue.stats()).pending == 0
    with JobClient(address, "others") as others:
        assert others.job(page.query_params["job"]).prompt == "hello"


async def test_earlier_turns_are_sent_with_the_next_prompt(
    open_page: Open, address: RedisAddress, queue: JobQueue, client: JobClient
) -> None:
    page = send(open_page(address, "prompt"), "Why is the sky blue?")
    (claim,) = await queue.claim("worker") or []
    await queue.finish([Finished(claim, "It scatters blue light.", Outcome())])
    send(page.run(), "And at night?")

    turns = (Turn("user", "Why is the sky blue?"), Turn("assistant", "It scatters blue light."))
    assert client.job(page.query_params["job"]).history == turns


async def test_an_attempt_without_an_answer_is_not_sent_to_the_model(
    open_page: Open, address: RedisAddress, client: JobClient
) -> None:
    page = send(open_page(address, "prompt"), "Why is the sky blue?")
    client.cancel(page.query_params["job"])
    send(page.run(), "And at night?")

    assert client.job(page.query_params["job"]).history == ()


async def test_of_a_long_conversation_the_last_turns_are_drawn(
    open_page: Open, address: RedisAddress, queue: JobQueue
) -> None:
    """A browser needs seconds for a thousand."""
    job_id = await queue.submit("last", history=[Turn("user", f"turn {number}") for number in range(100)])
    page = open_page(address, "prompt", job=job_id)

    assert [text.value for text in page.text] == [*(f"turn {number}" for number in range(60, 100)), "last"]
    assert ":small[The first 60 turns are not shown here; the model receives them too.]" in texts(page)


async def test_another_workload_is_chosen_without_the_job_of_the_first(
    open_page: Open, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    for reported in (status, msgspec.structs.replace(status, name="other", list_name="others")):
        await publish(queue, reported)
    page = send(open_page(address, "prompt"), "hello")
    page.selectbox[0].select("other").run()

    assert page.query_params == {"workload": "other"}
    assert page.chat_message == []


def test_what_is_sent_leaves_the_field_and_is_followed(
    open_page: Open, address: RedisAddress, client: JobClient
) -> None:
    page = send(open_page(address, "prompt"), "Why is the sky blue?")
    job_id = page.query_params["job"]

    assert client.job(job_id).prompt == "Why is the sky blue?"
    assert page.text_area(key="text").value == ""
    assert [message.text[0].value for message in page.chat_message if message.name == "user"] == [
        "Why is the sky blue?"
    ]
    assert "Next in line. Queue without a workload: not autoscaled, so its workers are not counted." in texts(page)


def test_a_job_can_be_cancelled_from_its_story(open_page: Open, address: RedisAddress) -> None:
    page = send(open_page(address, "prompt"), "hello")
    press(page, "Cancel")

    assert [info.value for info in page.info] == ["Cancelled."]
    assert {button.label for button in page.button} == {"New chat", "Send"}


TOO_LARGE = "x" * (1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("prompt", "refusal"),
    [
        pytest.param("", "Not sent: the prompt is empty.", id="nothing"),
        pytest.param(" \n ", "Not sent: the prompt is empty.", id="blanks"),
        pytest.param(
            TOO_LARGE, "Not sent: the prompt has 1048577 bytes; at most 1048576 are allowed.", id="more than 1 MiB"
        ),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_refused_and_kept(
    prompt: str, refusal: str, open_page: Open, address: RedisAddress, client: JobClient
) -> None:
    page = send(open_page(address, "prompt"), prompt)

    assert errors(page) == [refusal]
    assert page.text_area(key="text").value == prompt
    assert client.stats().pending == 0


async def test_a_full_queue_takes_no_more_and_the_field_keeps_its_text(
    open_page: Open, address: RedisAddress, queue: JobQueue
) -> None:
    await queue.configure(max_length=1, result_ttl_seconds=60, paused=False)
    await queue.submit("the only one")
    page = send(open_page(address, "prompt"), "one too many")
    (refusal,) = errors(page)

    assert refusal == (
        "Not sent to jobs: the queue is full: 1 of at most 1 jobs wait (queue.maxLength); "
        "nothing was submitted; try again when workers have caught up."
    )
    assert page.text_area(key="text").value == "one too many"


def test_an_unknown_job_is_said_to_be_unknown(open_page: Open, address: RedisAddress) -> None:
    page = open_page(address, "prompt", job="never")

    assert [read(warning.value) for warning in page.warning] == [
        "No job has the id never: it never existed here, or its result has expired."
    ]
    assert errors(page) == []


def test_the_address_cannot_make_the_page_show_a_picture(open_page: Open, address: RedisAddress) -> None:
    """Anybody can send somebody a link."""
    page = open_page(address, "prompt", job="![x](http://evil/x)")

    assert "!\\[x\\]" in page.warning[0].value


def test_without_redis_the_page_says_what_to_look_at(open_page: Open, own_redis: RedisServer) -> None:
    page = open_page(own_redis.address, "prompt")
    (message,) = errors(page)

    assert message.startswith(f"Redis at {own_redis.address} does not answer (")
    assert message.endswith(". Is it running, and are REDIS_HOST and REDIS_PORT right?")


def test_a_password_that_is_missing_is_asked_for_and_then_used(
    open_page: Open, own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.options = ("--requirepass", "secret")
    own_redis.start()
    page = open_page(own_redis.address, "prompt")
    (before,) = errors(page)
    (tmp_path / ".env").write_text("REDIS_PASSWORD=secret\n")
    page.run()

    assert before.startswith(f"Redis at {own_redis.address} asks for a password")
    assert before.endswith(". Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for.")
    assert errors(page) == []
    assert len(page.text_area) > 0


def test_a_wrong_setting_is_named(open_page: Open) -> None:
    page = open_page(RedisAddress("localhost", 70000), "prompt")

    assert errors(page) == ["REDIS_PORT must be a whole number from 1 to 65535, not '70000'."]


def test_the_field_keeps_its_text_while_redis_is_away(open_page: Open, own_redis: RedisServer) -> None:
    own_redis.start()
    page = open_page(own_redis.address, "prompt")
    own_redis.stop()
    st.cache_data.clear()
    send(page, "a long thought")
    state, refusal = errors(page)

    assert state.startswith(f"Redis at {own_redis.address} does not answer (")
    assert refusal == f"Not sent: {state}"
    assert page.text_area(key="text").value == "a long thought"

    own_redis.start()
    st.cache_data.clear()
    press(page, "Send")

    assert errors(page) == []
    assert page.text_area(key="text").value == ""


def test_a_job_that_cannot_be_cancelled_now_is_reported(open_page: Open, own_redis: RedisServer) -> None:
    own_redis.start()
    page = send(open_page(own_redis.address, "prompt"), "hello")
    own_redis.stop()
    press(page, "Cancel")

    assert [read(toast.value).partition(" (")[0] for toast in page.toast] == [
        f"Not cancelled: Redis at {own_redis.address} does not answer"
    ]
