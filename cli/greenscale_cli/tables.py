"""Output as JSON, or as a table on the terminal."""

import json
import sys
from collections.abc import Container, Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from greenscale_cli.formatting import CONTROL_CHARACTERS
from greenscale_cli.streams import readable, takes_unicode

PIPE_COLUMNS = 500
"""A pipe gets full lines: its reader has no terminal width."""


def width() -> int:
    """Return how many columns stdout has."""
    return Console().width if sys.stdout.isatty() else PIPE_COLUMNS


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    cut: Container[str] = (),
    wrapped: Container[str] = (),
) -> Table:
    """Return a table of plain texts, without markup.

    If it is wider than the terminal, the columns in `cut` are truncated, those in `wrapped` continue on further lines,
    and all others stay complete, so that an id can be copied.
    """
    result = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), show_header=any(columns))
    for column in columns:
        header = Text(column, no_wrap=True, overflow="ellipsis")
        result.add_column(header, no_wrap=column not in cut and column not in wrapped, overflow="fold")
    for row in rows:
        cells = [Text(cell) if isinstance(cell, str) else cell for cell in row]
        for column, cell in zip(columns, cells, strict=True):
            if column in cut:
                cell.no_wrap, cell.overflow = True, "ellipsis"
        result.add_row(*cells)
    return result


def show(content: object) -> None:
    """Print a table or a text."""
    console = Console(width=width())
    with console.capture() as drawn:
        console.print(content)
    sys.stdout.write(readable(drawn.get()))
    sys.stdout.flush()


def show_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(_harmless(json.dumps(document, indent=2, ensure_ascii=not takes_unicode())) + "\n")
    sys.stdout.flush()


def json_line(document: Any) -> str:
    """Return one JSON document as a line."""
    return _harmless(json.dumps(document, ensure_ascii=not takes_unicode())) + "\n"


def _harmless(encoded: str) -> str:
    """Escape characters that control a terminal: the JSON document stays the same."""
    return CONTROL_CHARACTERS.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded)
