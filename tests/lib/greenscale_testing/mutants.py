"""Bugs to plant into a copy of the queue, so that a test can show that it would see them."""

import dataclasses
import shutil
from pathlib import Path

import greenscale_jobs

TESTING = Path(__file__).parents[1]
"""Where the package lies that tests use."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A bug: a text of a file of the queue, which must be there once, and what stands in its place."""

    id: str
    file: str
    text: str
    instead: str = ""

    def planted(self, folder: Path) -> Path:
        """Copy the queue with the bug into `folder`; gives the package."""
        package = Path(greenscale_jobs.__file__).parent
        copy = folder / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / self.file).read_text()
        assert source.count(self.text) == 1, f"{self.file} has changed: rewrite the mutant {self.id!r}"
        (copy / self.file).write_text(source.replace(self.text, self.instead))
        return copy
