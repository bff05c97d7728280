"""Prompts in CSV: a header, one column of which is `prompt`, and cells in quotes where they need them.

Pure.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from greenscale_jobs.file_kinds import RefusedFile
from greenscale_jobs.pushed import Pushed
from greenscale_jobs.records import MAX_ITEM_BYTES, InvalidItem, Parameters

DELIMITERS = (",", ";", "\t")
"""A spreadsheet writes semicolons where the comma is the decimal sign."""

COLUMNS = {
    "prompt": "prompt",
    "id": "id",
    "maxtokens": "maxTokens",
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "system": "system",
}
"""A column's name in small letters, and the field that it holds."""


def is_header(line: str) -> bool:
    """Return whether a line names columns, one of them `prompt`."""
    return any("prompt" in _names(line, delimiter) for delimiter in DELIMITERS)


def read_rows(lines: Iterator[bytes]) -> Iterator[tuple[int, Pushed | InvalidItem]]:
    """Yield the number of the line on which each row begins, and the row; blank rows are skipped.

    Raises:
        RefusedFile: The header has no column `prompt`, or one that is not known.
    """
    csv.field_size_limit(MAX_ITEM_BYTES)
    # A byte that is not UTF-8 becomes half a surrogate pair: its row is refused, and the others go on.
    texts = (line.decode(errors="surrogateescape") for line in lines)
    header = next(texts, "")
    delimiter = next((one for one in DELIMITERS if "prompt" in _names(header, one)), None)
    if delimiter is None:
        raise RefusedFile(
            "must name its columns in the first line, one of them `prompt`, for example prompt,id,maxTokens"
        )
    columns = [COLUMNS.get(name) for name in _names(header, delimiter)]
    if None in columns:
        unknown = _names(header, delimiter)[columns.index(None)]
        raise RefusedFile(
            f"has the column {unknown[:40]!r}, which is not known: {', '.join(dict.fromkeys(COLUMNS.values()))}"
        )
    return _rows(texts, delimiter, [column or "" for column in columns])


def _rows(texts: Iterator[str], delimiter: str, columns: Sequence[str]) -> Iterator[tuple[int, Pushed | InvalidItem]]:
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    number = 2
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            # While a quote is open, it is unknown which line begins a row.
            yield number, InvalidItem(f"from here on it cannot be read as CSV: {error}")
            return
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield number, _pushed(row, columns)
        number = reader.line_num + 2


def _pushed(row: Sequence[str], columns: Sequence[str]) -> Pushed | InvalidItem:
    if len(row) != len(columns):
        return InvalidItem(
            f"the row has {len(row)} cells and the header {len(columns)}: put cells with commas in quotes"
        )
    cells: dict[str, Any] = {column: cell for column, cell in zip(columns, row, strict=True) if cell.strip()}
    prompt, job_id = cells.pop("prompt", ""), cells.pop("id", "").strip()
    if cells.get("maxTokens", "").strip().endswith(".0"):  # as pandas writes whole numbers
        cells["maxTokens"] = cells["maxTokens"].strip().removesuffix(".0")
    try:
        return Pushed(prompt, job_id, msgspec.convert(cells, Parameters, strict=False))
    except msgspec.ValidationError as error:
        return InvalidItem(f"the row does not fit: {error}")


def _names(header: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in row]
