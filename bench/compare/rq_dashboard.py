"""RQ: its dashboard, and from a shell its command, with a few lines of Python where that has no word for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.compare import model
from bench.compare.stage import DEAD, GOOD, MANY, Stage, Ways, folder, until
from bench.compare.steps import Cannot, Steps
from bench.venvs import python_of

SEND = """\
import os, sys
from redis import Redis
from rq import Queue
queue = Queue(connection=Redis.from_url(os.environ["REDIS"]))
prompts = [line.rstrip() for line in sys.stdin]
queue.enqueue_many([queue.prepare_data("bench.compare.model.answer", (prompt,)) for prompt in prompts])
"""

ASK = """\
import os, sys
from redis import Redis
from rq import Queue
queue = Queue(connection=Redis.from_url(os.environ["REDIS"]))
job = queue.enqueue("bench.compare.model.answer", sys.argv[1])
print(job.latest_result(timeout=60).return_value)
"""

WHY = """\
import os
from redis import Redis
from rq import Queue
queue = Queue(connection=Redis.from_url(os.environ["REDIS"]))
for job_id in queue.failed_job_registry.get_job_ids():
    print(queue.fetch_job(job_id).latest_result().exc_string)
"""

FINISHED, FAILED = "rq:finished:default", "rq:failed:default"


@contextmanager
def stage() -> Iterator[Stage]:
    """Bring RQ, with its dashboard and no worker yet."""
    scripts = {"send.py": SEND, "ask.py": ASK, "why.py": WHY}
    python = python_of("rq_dashboard", Path(__file__).parent)
    page = "rq-dashboard --bind 127.0.0.1 --port $PORT --redis-url $REDIS"
    with folder() as made, Stage(made, python, worker="rq worker", scripts=scripts).running(page) as brought:
        yield brought


def _answered(stage: Stage) -> int:
    return stage.redis_number("ZCARD", FINISHED)


def _fail(stage: Stage, count: int) -> None:
    """Have so many failed jobs and no other, after some that went well."""
    stage.redis_number("DEL", FAILED)
    stage.work()
    good = _answered(stage) + GOOD
    stage.send("good", GOOD)
    until(lambda: _answered(stage) == good)
    stage.model_down.touch()
    stage.send("bad", count)
    until(lambda: stage.redis_number("ZCARD", FAILED) == count)
    stage.model_down.unlink()


def _await_retried(stage: Stage, good: int) -> None:
    until(lambda: _answered(stage) == good + DEAD)
    assert stage.redis_number("ZCARD", FAILED) == 0


def page_asks(stage: Stage, steps: Steps) -> None:
    """Look for a way to send."""
    steps.page.goto(stage.url)
    fields = steps.page.locator("input[type=text], textarea, form").count()
    assert not fields
    raise Cannot("the page has no field for a job; `rq enqueue` sends one, and its result is then on the page")


def page_finds(stage: Stage, steps: Steps) -> None:
    """Go from the queues to those that failed, which stand there with their tracebacks."""
    _fail(stage, 1)
    with steps.timed():
        steps.open(stage.url)
        steps.click(steps.page.locator("td.failed a").first)
        steps.page.get_by_text(model.BUSY).first.wait_for()


def page_retries(stage: Stage, steps: Steps) -> None:
    """Requeue all, and confirm it."""
    _fail(stage, DEAD)
    good = _answered(stage)
    with steps.timed():
        steps.open(stage.url)
        steps.click(steps.page.locator("td.failed a").first)
        steps.click(steps.page.get_by_text("Requeue All"))
        steps.click(steps.page.get_by_role("button", name="Yes"))
        steps.page.get_by_text("No jobs.").wait_for()
    _await_retried(stage, good)


def page_sees_sleep(stage: Stage, steps: Steps) -> None:
    """Look at the workers, of whom the only one was ended."""
    stage.work()
    steps.page.goto(f"{stage.url}/0/view/workers")
    steps.page.get_by_text("idle").first.wait_for()
    stage.rest()
    steps.page.get_by_text("No workers.").wait_for()
    raise Cannot("a worker that ended is gone from the page, whether it sleeps, crashed, or never was")


def shell_asks(stage: Stage, steps: Steps) -> None:
    """Start a worker, and ask with six lines of Python: the command prints no result."""
    stage.rest()
    with steps.timed():
        stage.worker = steps.begin(stage.worker_line)
        answer = steps.command("python ask.py hello")
    assert answer == "hello\n"


def shell_finds(stage: Stage, steps: Steps) -> None:
    """Look with six lines of Python: `rq info` has only the number."""
    _fail(stage, 1)
    with steps.timed():
        printed = steps.command("python why.py")
    assert model.BUSY in printed


def shell_retries(stage: Stage, steps: Steps) -> None:
    """Say so."""
    _fail(stage, DEAD)
    good = _answered(stage)
    with steps.timed():
        steps.command("rq requeue --all --queue default")
    _await_retried(stage, good)


def shell_sees_sleep(stage: Stage, steps: Steps) -> None:
    """Look at what `rq info` says."""
    stage.rest()
    assert "0 workers" in steps.command("rq info")
    raise Cannot("`rq info` says `0 workers`, whether they sleep, crashed, or never were")


def shell_sends_many(stage: Stage, steps: Steps) -> None:
    """Send them with six lines of Python: `rq enqueue` sends one."""
    stage.work()
    good = _answered(stage)
    with steps.timed():
        steps.command("python send.py < prompts.txt")
    until(lambda: _answered(stage) == good + MANY)


WAYS: Ways = {
    "RQ's dashboard": {
        "a": page_asks,
        "b": page_finds,
        "c": page_retries,
        "d": page_sees_sleep,
        "e": page_asks,
    },
    "RQ, its command and Python": {
        "a": shell_asks,
        "b": shell_finds,
        "c": shell_retries,
        "d": shell_sees_sleep,
        "e": shell_sends_many,
    },
}
