"""What a person does, counted, and how long they wait."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page

PATIENCE_SECONDS = 120


class Cannot(Exception):
    """A tool cannot do a task; the text says why."""


class Steps:
    """The steps of one task: a line typed into a shell, a page opened, a click, a field filled.

    Only what is done within `timed` takes time; all that a person would do is done there.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], page: Page) -> None:
        self.taken: list[str] = []
        self.seconds = 0.0
        self.page = page
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._folder = folder
        self._environment = environment

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the wall clock meanwhile."""
        begun = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - begun

    def command(self, line: str) -> str:
        """Type a line, wait until it has ended, and return what it printed."""
        self.taken.append(f"type: {line}")
        return shell(line, self._folder, self._environment)

    def begin(self, line: str) -> subprocess.Popen[bytes]:
        """Type a line that goes on running."""
        self.taken.append(f"type: {line} &")
        return start(line, self._folder, self._environment)

    def open(self, url: str) -> None:
        """Open a page by its address."""
        self.taken.append("open the page")
        self.page.goto(url, wait_until="commit")

    def click(self, what: Locator) -> None:
        """Click, as soon as it is there."""
        what.wait_for()
        self.taken.append(f"click: {' '.join(what.inner_text().split())}")
        what.click()

    def fill(self, field: Locator, text: str) -> None:
        """Fill a field."""
        self.taken.append("fill a field")
        field.fill(text)

    def choose_file(self, field: Locator, file: Path) -> None:
        """Give a file to the page: a click on the field, and one in the browser's own dialog."""
        self.taken += ["click: the file field", f"choose: {file.name}"]
        field.set_input_files(file)


def shell(line: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a line in a shell and return its output; raises where it fails."""
    run = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert run.returncode == 0, f"{line}: {run.stderr}{run.stdout}"
    return run.stdout


def start(line: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Run a line that does not end by itself; what it prints is kept in the folder."""
    with (folder / f"{line.split(maxsplit=1)[0]}.out").open("ab") as out:
        return subprocess.Popen(
            ["/bin/bash", "-c", f"exec {line}"], cwd=folder, env=environment, stdout=out, stderr=out
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait until it is gone."""
    process.terminate()
    process.wait(PATIENCE_SECONDS)
