"""Tables as all programs of the bench print them."""

from rich.console import Console
from rich.table import Table

WIDTH = 120


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table without lines."""
    return Table(*columns, box=None, pad_edge=False, title=title)


def show(*parts: Table | str) -> None:
    """Print tables and lines, one below the other."""
    console = Console(width=WIDTH)
    for part in parts:
        console.print(part, highlight=False)


def verdict(*, met: bool) -> str:
    """Return what the column `met` shows."""
    return "yes" if met else "NO"
