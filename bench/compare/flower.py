"""Celery: Flower's page, and from a shell Flower's API and Celery, with a few lines of Python where they lack it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from playwright.sync_api import Page, expect

from bench.compare import model
from bench.compare.stage import DEAD, GOOD, MANY, Stage, Ways, folder, until
from bench.compare.steps import Cannot, Steps
from bench.venvs import python_of

SEND = """\
import sys
from bench.compare.celery_tasks import answer
for line in sys.stdin:
    answer.delay(line.rstrip())
"""

RETRY = """\
import json
from bench.compare.celery_tasks import app
store = app.backend.client
for key in store.scan_iter("celery-task-meta-*", 1000):
    task = json.loads(store.get(key))
    if task["status"] == "FAILURE":
        app.send_task(task["name"], task["args"], task["kwargs"], task_id=task["task_id"])
"""

APP = "celery --app bench.compare.celery_tasks"

ASK = """curl --fail --silent --data '{"args": ["hello"]}' http://127.0.0.1:$PORT/api/task/apply/answer"""

WHY = "curl --fail --silent 'http://127.0.0.1:'$PORT'/api/tasks?state=FAILURE&limit=1'"

WOULD = re.compile(r"\b(send|call|retry|requeue|rerun|run again)\b", re.IGNORECASE)
"""What a button would say."""


@contextmanager
def stage() -> Iterator[Stage]:
    """Bring Celery's Redis, with Flower and no worker yet."""
    python = python_of("flower", Path(__file__).parent)
    worker, page = f"{APP} worker --task-events", f"{APP} flower --address=127.0.0.1 --port=$PORT"
    scripts = {"send.py": SEND, "retry.py": RETRY}
    with folder() as made, Stage(made, python, worker=worker, scripts=scripts).running(page) as brought:
        yield brought


def _results(stage: Stage, state: str) -> int:
    with redis.Redis(port=stage.server.address.port, db=1) as results:
        records = [results.get(key) for key in results.scan_iter("celery-task-meta-*", 1000)]
    return sum(f'"status": "{state}"'.encode() in one for one in records if isinstance(one, bytes))


def _answered(stage: Stage) -> int:
    return _results(stage, "SUCCESS")


def _fail(stage: Stage, count: int) -> None:
    """Have so many failed jobs and no other, after some that went well."""
    stage.redis_number("FLUSHALL")
    stage.work()
    stage.send("good", GOOD)
    until(lambda: _answered(stage) == GOOD)
    stage.model_down.touch()
    stage.send("bad", count)
    until(lambda: _results(stage, "FAILURE") == count)
    stage.model_down.unlink()


def _buttons(page: Page) -> list[str]:
    page.wait_for_load_state("networkidle")
    return [button.inner_text() for button in page.locator("button:visible, input[type=submit]:visible").all()]


def _open_failed(stage: Stage, steps: Steps) -> None:
    steps.open(stage.url)
    steps.click(steps.page.get_by_role("link", name="Tasks", exact=True))
    steps.click(steps.page.get_by_role("button", name="Failed"))
    expect(steps.page.locator("#tasks-table tbody tr").filter(has_not_text="FAILURE")).to_have_count(0)
    steps.click(steps.page.locator("#tasks-table a[href^='/task/']").first)


def page_asks(stage: Stage, steps: Steps) -> None:
    """Look for a way to send."""
    steps.page.goto(f"{stage.url}/tasks")
    assert not any(map(WOULD.search, _buttons(steps.page)))
    raise Cannot("the page has no field for a task; Flower's API and Celery send one, and it is then on the page")


def page_finds(stage: Stage, steps: Steps) -> None:
    """Go from the workers to the tasks that failed, and to one of them with its traceback."""
    _fail(stage, 1)
    with steps.timed():
        _open_failed(stage, steps)
        steps.page.get_by_text(model.BUSY).first.wait_for()


def page_retries(stage: Stage, steps: Steps) -> None:
    """Look at those that failed, and at one of them."""
    _fail(stage, DEAD)
    _open_failed(stage, steps)
    steps.page.get_by_text(model.BUSY).first.wait_for()
    assert not any(map(WOULD.search, _buttons(steps.page)))
    steps.page.go_back()
    assert not any(map(WOULD.search, _buttons(steps.page)))
    raise Cannot("neither the tasks nor one that failed has a button for it, and the API has no call")


def page_sees_sleep(stage: Stage, steps: Steps) -> None:
    """Look at the workers, of whom the only one was ended."""
    stage.work()
    steps.page.goto(stage.url)
    steps.page.get_by_text("Online", exact=True).wait_for()
    stage.rest()
    steps.page.get_by_text("Offline", exact=True).wait_for()
    raise Cannot("a worker that ended stands as Offline, whether it sleeps, was stopped, or crashed")


def shell_asks(stage: Stage, steps: Steps) -> None:
    """Start a worker, and ask Flower, which waits for the result."""
    stage.rest()
    with steps.timed():
        stage.worker = steps.begin(stage.worker_line)
        answer = steps.command(ASK)
    assert json.loads(answer)["result"] == "hello"


def shell_finds(stage: Stage, steps: Steps) -> None:
    """Ask Flower's API, which has the exception and its traceback."""
    _fail(stage, 1)
    with steps.timed():
        printed = steps.command(WHY)
    assert model.BUSY in printed


def shell_retries(stage: Stage, steps: Steps) -> None:
    """Send them again with seven lines of Python, from the results that Celery keeps: it has no word for it."""
    _fail(stage, DEAD)
    with steps.timed():
        steps.command("python retry.py")
    until(lambda: _answered(stage) == GOOD + DEAD)
    assert _results(stage, "FAILURE") == 0


def shell_sees_sleep(stage: Stage, steps: Steps) -> None:
    """Ask Celery who is there."""
    stage.rest()
    printed = steps.command(f"{APP} status 2>&1 || true")
    assert "No nodes replied" in printed
    raise Cannot("`celery status` says `No nodes replied`, whether they sleep, were stopped, or crashed")


def shell_sends_many(stage: Stage, steps: Steps) -> None:
    """Send them with four lines of Python: `celery call` sends one."""
    stage.redis_number("FLUSHALL")
    stage.work()
    with steps.timed():
        steps.command("python send.py < prompts.txt")
    until(lambda: _answered(stage) == MANY)


WAYS: Ways = {
    "Flower's page": {"a": page_asks, "b": page_finds, "c": page_retries, "d": page_sees_sleep, "e": page_asks},
    "Celery and Flower's API": {
        "a": shell_asks,
        "b": shell_finds,
        "c": shell_retries,
        "d": shell_sees_sleep,
        "e": shell_sends_many,
    },
}
