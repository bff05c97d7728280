"""The overview's script, run without a browser against a real Redis."""

import re
import time
from collections.abc import Callable

import msgspec
import pytest
import redis
import streamlit as st
from streamlit.testing.v1 import AppTest

from greenscale_jobs import Fleet, JobQueue, RedisAddress, Sample, WorkloadStatus
from greenscale_jobs.samples import sample_fields
from greenscale_testing.board import publish

Draw = Callable[..., AppTest]

replace = msgspec.structs.replace


def metrics(page: AppTest) -> dict[str, str]:
    assert not page.exception
    return {metric.label: metric.value for metric in page.metric}


def test_without_a_workload_it_says_what_to_do_next(open_page: Draw, address: RedisAddress) -> None:
    page = open_page(address)
    (info,) = page.info

    assert info.value.startswith("**No workload yet.**")
    assert "kubectl apply -f deploy/samples/echo.yaml" in info.value
    assert [header.value for header in page.header] == ["jobs &nbsp; :gray-badge[:material/help: Unknown]"]
    assert metrics(page) == {
        "Waiting": "0",
        "Running": "0",
        "Workers": "\N{EN DASH}",
        "Done in 1 h": "\N{EN DASH}",
        "Dead": "0",
    }


async def test_each_workload_has_a_card_and_one_line_tells_of_all(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, status)
    await publish(queue, replace(status, name="broken", list_name="b", state="Degraded", message="It *is* down."))
    await queue.sample(Sample(at=0, pending=0, in_flight=0, replicas=0, done=0, dead=0, tokens=None))
    page = open_page(address)

    assert [title.value for title in page.title] == ["2 workloads: 1 needs attention, 1 asleep; no prompt waits."]
    assert [header.value for header in page.header] == [
        "broken &nbsp; :red-badge[:material/error: Needs attention]",
        "assistant &nbsp; :blue-badge[:material/bedtime: Asleep]",
    ]
    assert "It \\*is\\* down." in [markdown.value for markdown in page.markdown]
    assert [code.value for code in page.code] == ["kubectl describe gsw broken -n default"]
    assert [metric.value for metric in page.metric if metric.label.startswith("Done in")] == ["\N{EN DASH}", "0"]


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        pytest.param(
            5.0, r"Measured since \d\d:\d\d:\d\d\. A chart of the last hour follows in a moment\.", id="just begun"
        ),
        pytest.param(600.0, r"The last 10 min: asleep for 10 min; .*", id="some minutes"),
        pytest.param(None, r"Nothing was measured in the last hour, so there is no chart of it\.", id="never"),
    ],
)
async def test_instead_of_an_empty_chart_it_says_why_there_is_none(
    open_page: Draw,
    address: RedisAddress,
    queue: JobQueue,
    status: WorkloadStatus,
    ago: float | None,
    said: str,
) -> None:
    await publish(queue, status)
    if ago is not None:
        with redis.Redis(host=address.host, port=address.port) as plain:  # else Redis would say when it was
            asleep = sample_fields(Sample(at=0, pending=0, in_flight=0, replicas=0, done=0, dead=0, tokens=None))
            plain.xadd(queue.keys.history, asleep, id=f"{int((time.time() - ago) * 1000)}-0")
    page = open_page(address)
    (caption,) = (text.value[7:-1] for text in page.markdown if text.value.startswith(":small["))

    assert re.fullmatch(said, caption), caption


async def test_beside_greenscale_local_no_kubectl_is_shown(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_LOCAL", "1")
    await publish(queue, replace(status, state="Degraded", message="It is down."))
    page = open_page(address)

    assert [header.value for header in page.header] == ["assistant &nbsp; :red-badge[:material/error: Needs attention]"]
    assert len(page.code) == 0


async def test_a_job_is_found_in_whichever_workload_has_it(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    """The link to a job names the page it was copied from, or none, and perhaps no workload."""
    for reported in (replace(status, name="first", list_name="first"), replace(status, name="second")):
        await publish(queue, reported)
    job_id = await queue.submit("hello")
    page = open_page(address, "overview", job=job_id)

    assert page.query_params == {"job": job_id, "workload": "second"}
    assert [message.text[0].value for message in page.chat_message if message.name == "user"] == ["hello"]


async def test_a_workload_that_is_deleted_while_one_looks_is_gone_from_the_next_look(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    for reported in (status, replace(status, name="other", list_name="others")):
        await publish(queue, reported)
    page = open_page(address)
    before = len(page.header)
    async with Fleet(address) as fleet:
        await fleet.forget_workload("default", "other")
    st.cache_data.clear()
    page.run()

    assert (before, len(page.header)) == (2, 1)
    assert not page.exception
