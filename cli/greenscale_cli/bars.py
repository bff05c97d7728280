"""Progress bars on stderr; where that is no terminal nothing is drawn."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from greenscale_cli.formatting import harmless
from greenscale_cli.terminal import is_screen


class Bar:
    """One bar that goes when it is done, with a few words behind it."""

    def __init__(self, what: str, *, total: float | None) -> None:
        self._progress = Progress(
            TextColumn(what, markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=Console(stderr=True),
            transient=True,
            disable=not is_screen(sys.stderr),
            # What is printed meanwhile goes above the bar, where both are on the terminal; a file gets its own.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task("", total=total, words="")

    def __enter__(self) -> Self:
        """Draw it."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._progress.stop()

    def go_on(self, by: float = 1, *, total: float | None = None, words: str | None = None) -> None:
        """Move it on; what is None stays as it is."""
        fields = {} if words is None else {"words": harmless(words)}
        self._progress.update(self._task, advance=by, total=total, **fields)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        self._progress.console.print(Text(harmless(text)), soft_wrap=True)
