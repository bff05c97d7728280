"""Files of prompts, for the command and the page: a line each, JSON Lines, a JSON array, or CSV."""

import codecs
import dataclasses
import enum
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import BinaryIO, TypeVar

import msgspec

from greenscale_jobs.csv_prompts import is_header, read_rows
from greenscale_jobs.file_kinds import WIDE, RefusedFile, check_block, check_whole, encoding_of
from greenscale_jobs.ids import new_item
from greenscale_jobs.pushed import ALLOWED, Pushed, parse_object
from greenscale_jobs.records import MAX_ITEM_BYTES, InvalidItem, Item, Parameters

T = TypeVar("T", str, bytes)

HEAD_BYTES = 64
"""How much of a file is read to find its format."""

MAX_BLANK_LINES = 1000
"""How many blank lines are skipped to find the first line of a file."""

MAX_JSON_BYTES = 64 * 1024 * 1024
"""A JSON document is read as a whole; lines are not."""


class Format(enum.StrEnum):
    """The format of a file of prompts."""

    TEXT = "text"
    """A line is a prompt, or a JSON object like those of JSON Lines."""
    JSONL = "jsonl"
    JSON = "json"
    """A list of texts or objects, or one object."""
    CSV = "csv"
    """With a header, one column of which is `prompt`; separated by commas, semicolons or tabs."""


SUFFIXES = {
    ".txt": Format.TEXT,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
}

ARRAY = re.compile(rb"\s*\[\s*([{\"\[]|$)")
"""How a JSON array begins: as text, each of its lines would be sent as a prompt."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A prompt, and the number of its line or element; the first is 1."""

    number: int
    item: Item = dataclasses.field(repr=False)
    size: int
    """Its bytes in the file."""
    named: bool = False
    """Whether the file gives it its id."""


@dataclasses.dataclass(frozen=True)
class BrokenLine:
    """A line that cannot be sent, and why."""

    number: int
    why: str
    size: int


@dataclasses.dataclass(frozen=True)
class Prompts:
    """The prompts of one file, read as they are iterated."""

    format: Format
    lines: Iterator[Line | BrokenLine]

    @property
    def unit(self) -> str:
        """What the numbers count."""
        return "element" if self.format is Format.JSON else "line"


def read_prompts(file: BinaryIO, parameters: Parameters, *, name: str = "", form: Format | None = None) -> Prompts:
    """Return the prompts of a file in the format `form` (default: that of its name's suffix, else lines).

    `parameters` are the defaults for each line. A file that can be read twice is checked as a whole first.

    Raises:
        RefusedFile: It is not a file of prompts: nothing in it can be sent.
        OSError: It cannot be read.
    """
    head = _head(file)
    encoding = encoding_of(head)
    if file.seekable():
        check_whole(file, encoding)
    elif encoding not in WIDE:
        check_block(head, line=1)
    first, lines = _first(_raw_lines(file, encoding))
    chosen = form or SUFFIXES.get(PurePath(name).suffix.lower(), Format.TEXT)
    match chosen:
        case Format.JSON:
            return _json(lines, parameters)
        case Format.CSV:
            return Prompts(Format.CSV, _rows(read_rows(lines), parameters))
        case Format.TEXT if form is None:
            _refuse_another_form(first)
            # If the first line is an object, all should be: another line is more likely half an object than a prompt.
            chosen = Format.JSONL if first.lstrip().startswith(b"{") else Format.TEXT
    return Prompts(chosen, _lines(lines, parameters, objects_only=chosen is Format.JSONL))


def _head(file: BinaryIO) -> bytes:
    """Return how a file begins, without reading on."""
    if isinstance(file, io.BufferedReader):
        return file.peek()
    start = file.tell()
    head = file.read(HEAD_BYTES)
    file.seek(start)
    return head


def _raw_lines(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield lines in UTF-8 without a byte order mark. A line too long for any item is cut just above the limit."""
    if encoding in WIDE:
        text = io.TextIOWrapper(file, encoding, newline="\n")
        yield from (line.encode() for line in _limited(text.readline))
        return
    mark = encoding == "utf-8-sig"
    for line in _limited(file.readline):
        yield line.removeprefix(codecs.BOM_UTF8) if mark else line
        mark = False


def _limited(read: Callable[[int], T]) -> Iterator[T]:
    while line := read(MAX_ITEM_BYTES + 2):
        rest = line
        while len(rest) > MAX_ITEM_BYTES and rest[-1:] not in {"\n", b"\n"}:
            rest = read(MAX_ITEM_BYTES + 2)
        yield line


def _first(lines: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first line that is not blank, and all lines."""
    passed: list[bytes] = []
    for line in lines:
        passed.append(line)
        if line.strip() or len(passed) > MAX_BLANK_LINES:
            break
    return (passed[-1] if passed else b""), itertools.chain(passed, lines)


def _refuse_another_form(first: bytes) -> None:
    if ARRAY.match(first):
        raise RefusedFile("looks like a JSON array: use --format json (or call it .json), or --format text for lines")
    if is_header(first.decode(errors="replace")):
        raise RefusedFile("looks like CSV: use --format csv (or call it .csv), or --format text for lines")


def _lines(lines: Iterable[bytes], parameters: Parameters, *, objects_only: bool) -> Iterator[Line | BrokenLine]:
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            pushed = _read_line(raw.rstrip(b"\r\n"), objects_only=objects_only)
            yield _line(number, pushed, parameters, len(raw))
        except InvalidItem as error:
            yield BrokenLine(number, str(error), len(raw))


def _read_line(raw: bytes, *, objects_only: bool) -> Pushed:
    if len(raw) > MAX_ITEM_BYTES:
        raise InvalidItem(f"the line has more than {MAX_ITEM_BYTES} bytes")
    if b"\0" in raw:
        raise InvalidItem("the line has a NUL byte: it is not text")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidItem(f"it is not UTF-8 (byte {error.start}): convert the file, for example with iconv") from None
    if objects_only or text.lstrip().startswith("{"):
        return _object(text)
    if "\r" in text:
        raise InvalidItem("the line has a carriage return within it: let its lines end with a line feed")
    return Pushed(text)


def _object(text: str) -> Pushed:
    if not text.lstrip().startswith("{"):
        raise InvalidItem('it is not a JSON object like {"prompt": "..."}')
    try:
        return parse_object(text, what="the line")
    except InvalidItem:
        if _is_request(text):
            raise InvalidItem(
                'an OpenAI request or batch line ("messages", "body") cannot be sent yet: write {"prompt": "..."}; '
                + ALLOWED
            ) from None
        raise


def _is_request(text: str) -> bool:
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return "messages" in fields or {"body", "url"} <= set(fields)


def _line(number: int, pushed: Pushed, parameters: Parameters, size: int) -> Line:
    item = new_item(
        pushed.prompt,
        job_id=pushed.id or None,
        parameters=pushed.parameters.over(parameters),
        history=pushed.history,
    )
    return Line(number, item, size, named=bool(pushed.id))


def _json(lines: Iterator[bytes], parameters: Parameters) -> Prompts:
    """Read a JSON document: a list, one object, or the objects of JSON Lines under another name."""
    whole = b""
    for line in lines:
        whole += line
        if len(whole) > MAX_JSON_BYTES:
            raise RefusedFile(
                f"has more than the {MAX_JSON_BYTES} bytes that are read of one JSON document: write it as JSON Lines, "
                "with `jq -c '.[]'`"
            )
    try:
        if not whole.lstrip().startswith(b"["):
            one = msgspec.json.decode(whole, type=msgspec.Raw)
            return Prompts(Format.JSON, _elements([one], parameters))
        return Prompts(Format.JSON, _elements(msgspec.json.decode(whole, type=list[msgspec.Raw]), parameters))
    except (msgspec.DecodeError, RecursionError) as error:
        if whole.lstrip().startswith(b"{"):
            objects = io.BytesIO(whole)
            return Prompts(Format.JSONL, _lines(objects, parameters, objects_only=True))
        raise RefusedFile(f"is not valid JSON: {error}") from None


def _elements(elements: Iterable[msgspec.Raw], parameters: Parameters) -> Iterator[Line | BrokenLine]:
    for number, raw in enumerate(elements, start=1):
        text = bytes(raw).strip()
        try:
            plain = text.startswith(b'"')
            pushed = Pushed(msgspec.json.decode(text, type=str)) if plain else _object(text.decode())
            yield _line(number, pushed, parameters, len(text))
        except (InvalidItem, msgspec.DecodeError, UnicodeError) as error:
            yield BrokenLine(number, str(error), len(text))


def _rows(rows: Iterator[tuple[int, Pushed | InvalidItem]], parameters: Parameters) -> Iterator[Line | BrokenLine]:
    for number, row in rows:
        if isinstance(row, InvalidItem):
            yield BrokenLine(number, str(row), 0)
            continue
        try:
            yield _line(number, row, parameters, len(row.prompt))
        except InvalidItem as error:
            yield BrokenLine(number, str(error), 0)
