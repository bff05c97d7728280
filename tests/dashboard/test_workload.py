"""The page's Workload, run without a browser against a real Redis."""

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from greenscale_jobs import Finished, JobQueue, Outcome, RedisAddress, Sample, WorkloadStatus

Draw = Callable[..., AppTest]


def said(page: AppTest) -> list[str]:
    """Return what is said in small."""
    assert not page.exception
    return [text.value[7:-1] for text in page.markdown if text.value.startswith(":small[")]


async def test_what_was_not_measured_is_said_to_be_so_instead_of_drawn(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await queue.put_workload(status)
    page = open_page(address, "workload")

    assert len(page.get("vega_lite_chart")) == 0
    assert said(page)[:5] == [
        "Nothing was measured in this time.",
        "No job was done in this time.",
        "The engine has told of no tokens in this time.",
        "Nothing was measured in this time.",
        "It was not woken in this time.",
    ]


async def test_what_was_measured_is_drawn(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await queue.put_workload(status)
    await queue.sample(Sample(time.time(), 3, 1, 1, 0, 0, 7))
    await queue.note_start(12.0)
    await queue.submit("why")
    (claim,) = await queue.claim("worker") or []
    await queue.finish([Finished(claim, "because", Outcome())])
    page = open_page(address, "workload")

    assert len(page.get("vega_lite_chart")) == 3
    assert "Usually 12 s, the median of 1." in said(page)
    assert any(text.endswith("of all 1 in this time.") for text in said(page))


@pytest.mark.parametrize(("local", "beginning"), [("", "kubectl -n default"), ("1", "greenscale ")])
async def test_the_commands_to_go_on_with_are_those_of_the_place(
    local: str,
    beginning: str,
    open_page: Draw,
    address: RedisAddress,
    queue: JobQueue,
    status: WorkloadStatus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GREENSCALE_LOCAL", local)
    await queue.put_workload(status)
    page = open_page(address, "workload")

    assert not page.exception
    assert {code.value.startswith(beginning) for code in page.code} == {True}


async def test_a_bare_queue_is_shown_without_commands(open_page: Draw, address: RedisAddress) -> None:
    page = open_page(address, "workload")

    assert [info.value for info in page.info] == ["No workload is known with this queue: it was deleted, or never was."]
    assert list(page.code) == []
