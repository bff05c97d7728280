"""Answers as one JSON document, or as a table on the terminal."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from greenscale_cli.words import STEERING


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of plain texts; nothing in them is taken for markup."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def show(what: object) -> None:
    """Print a table or a text; a pipe gets lines of any length."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=500)
    console.print(what)


def show_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(_harmless(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")


def json_line(document: Any) -> str:
    """Return one JSON document as a line."""
    return _harmless(json.dumps(document, ensure_ascii=False)) + "\n"


def _harmless(encoded: str) -> str:
    """Write what could steer a terminal as JSON's escapes: the document stays the same."""
    return STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded)
