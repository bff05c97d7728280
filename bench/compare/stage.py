"""A folder, a Redis and the processes of one tool, of which nothing is left afterwards."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from bench.compare.steps import PATIENCE_SECONDS, Steps, end, shell, start
from bench.places import ROOT
from bench.servers import server_in
from bench.waiting import answers
from bench.waiting import until as until_holds
from greenscale_testing.ports import free_port

MANY = 1000
DEAD = 100
GOOD = 20
"""So many jobs went well before the one that failed."""


class Stage:
    """Where a queue that has a worker and a page is used: Celery's with Flower, or RQ's with its dashboard."""

    def __init__(self, folder: Path, python: Path, *, worker: str, scripts: dict[str, str]) -> None:
        """`worker` is a command line; the scripts are a person's own."""
        self.folder = folder
        self.model_down = folder / "model-down"
        self.worker_line = worker
        self.worker: subprocess.Popen[bytes] | None = None
        self.server = server_in(folder)
        url, port = f"redis://127.0.0.1:{self.server.address.port}", free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MODEL_DOWN": str(self.model_down),
            "REDIS": url,
            "RQ_REDIS_URL": url,
            "PORT": str(port),
            "FLOWER_UNAUTHENTICATED_API": "true",
        }
        for name, text in scripts.items():
            (folder / name).write_text(text)
        (folder / "prompts.txt").write_text(lines("prompt", MANY))

    @contextmanager
    def running(self, page: str) -> Iterator[Self]:
        """Bring Redis and the page, a command line that serves it at `$PORT`; the worker comes later."""
        with ExitStack() as stack:
            self.server.start()
            stack.callback(self.server.stop)
            server = start(page, self.folder, self.environment)
            stack.callback(end, server)
            until(lambda: server.poll() is not None or answers(self.url))
            assert server.poll() is None, "the page does not start"
            stack.callback(self.rest)
            yield self

    def work(self) -> None:
        """Have a worker."""
        if self.worker is None:
            self.worker = start(self.worker_line, self.folder, self.environment)

    def rest(self) -> None:
        """Have none, as after it was scaled to zero."""
        if self.worker is not None:
            end(self.worker)
            self.worker = None

    def send(self, word: str, count: int) -> None:
        """Send prompts, which nobody counts."""
        (self.folder / "some.txt").write_text(lines(word, count))
        shell("python send.py < some.txt", self.folder, self.environment)

    def redis_number(self, *command: str | int) -> int:
        """Run a command of Redis that answers with a number."""
        answer = self.server.say(*command)
        assert isinstance(answer, int)
        return answer


Ways = dict[str, dict[str, Callable[[Any, Steps], None]]]
"""For each way to use a tool, how each task is done; each brings about by itself what it finds."""


def lines(word: str, count: int) -> str:
    """Return so many prompts of one word each."""
    return "".join(f"{word}-{number}\n" for number in range(count))


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        yield Path(made)


def until(holds: Callable[[], bool]) -> None:
    """Wait as long as a person would."""
    until_holds(holds, seconds=PATIENCE_SECONDS)
