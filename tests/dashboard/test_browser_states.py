"""Every state in a real browser: what needs a person stands first, and each explains itself in words."""

import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
import redis
from playwright.sync_api import ViewportSize, expect

from greenscale_jobs import Resource, WorkloadStatus
from greenscale_jobs.keys import RESOURCES, WORKLOADS
from greenscale_jobs.workloads import Problem
from greenscale_testing.browser import DESKTOP, PHONE, InstanceWithPage, Visit

Open = Callable[..., Visit]

NO_ENGINE = "No worker can use its engine: the API key in Secret openai was refused. Renew the key."

STATES = {
    "translator": ("Degraded", NO_ENGINE),
    "summariser": ("Waking", ""),
    "reviewer": ("Active", ""),
    "tagger": ("CoolingDown", ""),
    "archive": ("Suspended", "Takes prompts, runs none."),
    "drafts": ("ScaledToZero", ""),
}
"""Workloads that another program reports, in the order expected on the page: name -> state and its message."""

CONDITIONS = (
    {
        "type": "Ready",
        "status": "False",
        "reason": "EngineRefused",
        "message": NO_ENGINE,
        "lastTransitionTime": "2025-11-28T14:02:11Z",
    },
    {"type": "Suspended", "status": "False", "reason": "NotSuspended", "message": "It takes and runs prompts."},
)


def status_of(name: str, state: str, message: str) -> WorkloadStatus:
    now = (
        time.time() + 60
    )  # by a clock that is ahead: so its age counts from when the page first reads it, however late that is
    return WorkloadStatus(
        namespace="default",
        name=name,
        list_name=name,
        state=state,
        message=message,
        replicas=0 if state in {"ScaledToZero", "Suspended"} else 1,
        max_replicas=4,
        engine="OpenAI",
        model="gpt-4o-mini",
        queue={},
        sampled_at=now,
        waking_since=now - 7 if state == "Waking" else None,
        usual_wake_seconds=12.0,
        wakes=20,
        asleep_at=now + 25 if state == "CoolingDown" else None,
        reason="EngineRefuses" if state == "Degraded" else "NoWork",
        problem=Problem("EngineRefuses", message) if state == "Degraded" else None,
    )


@pytest.fixture
def all_states(instance: InstanceWithPage) -> Iterator[None]:
    """A workload in each state beside the instance's own, and the conditions of the one that needs a person."""
    with redis.Redis(port=instance.address.port) as plain:
        for name, (state, message) in STATES.items():
            plain.hset(WORKLOADS, f"default/{name}", msgspec.json.encode(status_of(name, state, message)))
        plain.hset(RESOURCES, "default/translator", msgspec.json.encode(Resource({}, None, CONDITIONS)))
        yield
        plain.hdel(WORKLOADS, *(f"default/{name}" for name in STATES))
        plain.hdel(RESOURCES, "default/translator")


SCREENS = [
    pytest.param("light", DESKTOP, id="light"),
    pytest.param("dark", DESKTOP, id="dark"),
    pytest.param("light", PHONE, id="phone"),
]


@pytest.mark.usefixtures("all_states")
@pytest.mark.parametrize(("scheme", "viewport"), SCREENS)
def test_what_needs_a_person_stands_first_and_what_sleeps_last(
    visit: Open, scheme: str, viewport: ViewportSize
) -> None:
    opened = visit("/", viewport=viewport, color_scheme=scheme)
    page = opened.page
    headings = page.get_by_role("heading", level=2)
    expect(headings).to_have_count(len(STATES) + 1)

    names = [name.split()[0] for name in headings.all_inner_texts()]
    assert [name for name in names if name != "assistant"] == list(STATES)
    expect(page.get_by_role("heading", level=1)).to_contain_text("7 workloads: 1 needs attention, 1 waking, 1 working")
    expect(page.get_by_text(NO_ENGINE)).to_be_in_viewport()
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]
    opened.picture(f"overview-states-{scheme}-{viewport['width']}", whole=True)


@pytest.mark.usefixtures("all_states")
@pytest.mark.parametrize(("scheme", "viewport"), SCREENS)
def test_conditions_are_shown_in_whole_sentences(visit: Open, scheme: str, viewport: ViewportSize) -> None:
    opened = visit("/workload?workload=translator&tab=Conditions", viewport=viewport, color_scheme=scheme)
    page = opened.page

    ready = page.get_by_test_id("stMarkdown").filter(has_text="Ready False")
    expect(ready).to_contain_text(f"EngineRefused, since 28 Nov 2025 {NO_ENGINE}")
    expect(page.get_by_text("Suspended False")).to_be_visible()
    box = ready.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= viewport["width"]  # a message is read on a phone too
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]
    opened.picture(f"workload-conditions-{scheme}-{viewport['width']}")
