"""Progress bars on stderr; nothing is drawn if stderr is not a terminal."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from greenscale_cli.formatting import harmless
from greenscale_cli.terminal import is_screen


class Bar:
    """A progress bar with a short text behind it; it disappears at the end."""

    def __init__(self, what: str, *, total: float | None) -> None:
        self._progress = Progress(
            TextColumn(what, markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=Console(stderr=True),
            transient=True,
            disable=not is_screen(sys.stderr),
            # Output goes above the bar if both are on the terminal.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task("", total=total, text="")

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._progress.stop()

    def advance(self, by: float = 1, *, total: float | None = None, text: str | None = None) -> None:
        """Advance the bar; what is None stays as it is."""
        fields = {} if text is None else {"text": harmless(text)}
        self._progress.update(self._task, advance=by, total=total, **fields)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        """Print a line on stderr, above the bar if one is drawn."""
        self._progress.console.print(Text(harmless(text)), soft_wrap=True)
