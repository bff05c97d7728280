"""The page's Workload, run without a browser against a real Redis."""

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from greenscale_jobs import Finished, JobQueue, Outcome, RedisAddress, Resource, Sample, WorkloadStatus
from greenscale_testing.board import publish

Draw = Callable[..., AppTest]


def captions(page: AppTest) -> list[str]:
    """Return the small texts below each chart's title."""
    assert not page.exception
    return [text.value.partition(":small[")[2][:-1] for text in page.markdown if ":small[" in text.value]


async def test_what_was_not_measured_is_reported_instead_of_drawn(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, status)
    page = open_page(address, "workload")

    assert len(page.get("vega_lite_chart")) == 0
    assert captions(page)[:5] == [
        "No data in this time range.",
        "No data in this time range.",
        "No jobs finished in this time range.",
        "No starts from zero in this time range.",
        "The engine reported no tokens in this time range.",
    ]


async def test_what_was_measured_is_drawn(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, status)
    await queue.sample(Sample(time.time(), 3, 1, 1, 0, 0, 7))
    await queue.note_start(12.0)
    await queue.submit("why")
    (claim,) = await queue.claim("worker") or []
    await queue.finish([Finished(claim, "because", Outcome())])
    page = open_page(address, "workload")

    assert len(page.get("vega_lite_chart")) == 3
    assert "Median 12 s (1 start)." in captions(page)
    assert any(text.endswith("(1 job).") for text in captions(page))


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
    await publish(queue, status)
    page = open_page(address, "workload", tab="Commands")

    assert not page.exception
    assert {code.value.startswith(beginning) for code in page.code} == {True}


async def test_a_queue_without_a_workload_is_shown_without_commands(open_page: Draw, address: RedisAddress) -> None:
    page = open_page(address, "workload", tab="Commands")

    assert [info.value for info in page.info] == ["No workload uses this queue: it was deleted or never existed."]
    assert list(page.code) == []


APPLIED = {"kind": "GreenScaleWorkload", "spec": {"engine": {"type": "Echo"}}}
CONDITION = {
    "type": "Ready",
    "status": "False",
    "reason": "SecretMissing",
    "message": "Create the Secret ![x](http://evil) that *it* names.",
    "lastTransitionTime": "2020-02-01T14:02:00Z",
}


@pytest.mark.parametrize(
    ("tab", "beginning"),
    [("Resource", "kind: GreenScaleWorkload\nspec:\n"), ("ScaledObject", "kind: ScaledObject")],
)
async def test_what_was_applied_and_what_it_became_are_shown_as_yaml(
    tab: str, beginning: str, open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, status)
    await publish(queue, resources={"default/assistant": Resource(APPLIED, {"kind": "ScaledObject"})})
    page = open_page(address, "workload", tab=tab)

    assert not page.exception
    assert [(code.value[: len(beginning)], code.language) for code in page.code] == [(beginning, "yaml")]


async def test_the_conditions_are_shown_with_their_messages_as_they_are(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    """A message may quote another server's words: it is never markdown."""
    await publish(queue, status)
    await publish(queue, resources={"default/assistant": Resource(APPLIED, None, (CONDITION,))})
    page = open_page(address, "workload", tab="Conditions")

    assert not page.exception
    assert (
        r"**Ready** False &nbsp; :gray[SecretMissing, since 1 Feb 2020]  "
        "\n"
        r"Create the Secret !\[x\](http\://evil) that \*it\* names."
    ) in [text.value for text in page.markdown]


@pytest.mark.parametrize(
    ("local", "reported", "text"),
    [
        pytest.param("1", Resource(APPLIED), "Conditions exist only in a cluster.", id="beside greenscale local"),
        pytest.param("", Resource(APPLIED), "The operator has not set any conditions yet.", id="a new one"),
        pytest.param("", None, "Not reported yet", id="one that nobody reported"),
    ],
)
async def test_where_there_is_no_condition_the_page_says_why(
    local: str,
    reported: Resource | None,
    text: str,
    open_page: Draw,
    address: RedisAddress,
    queue: JobQueue,
    status: WorkloadStatus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GREENSCALE_LOCAL", local)
    await publish(queue, status)
    if reported:
        await publish(queue, resources={"default/assistant": reported})
    page = open_page(address, "workload", tab="Conditions")

    assert not page.exception
    assert page.info[0].value.startswith(text)


async def test_a_workload_that_is_gone_is_not_silently_another(
    open_page: Draw, address: RedisAddress, queue: JobQueue, status: WorkloadStatus
) -> None:
    await publish(queue, status)
    page = open_page(address, "workload", workload="*gone*")

    assert [warning.value for warning in page.warning] == [
        r"No workload is called \*gone\*: it was deleted or never existed."
    ]
