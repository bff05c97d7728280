"""Prompts in a file, one a line: a text, or an object like those that may be pushed to the list."""

import dataclasses
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from greenscale_jobs import InvalidItem, Item, Parameters, Turn, new_item
from greenscale_jobs.records import MAX_ITEM_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A prompt, and the number of its line; the first is 1."""

    number: int
    item: Item = dataclasses.field(repr=False)
    size: int
    """Its bytes in the file."""


@dataclasses.dataclass(frozen=True)
class BrokenLine:
    """A line that can never run, and why."""

    number: int
    why: str
    size: int


class _Object(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prompt: str
    id: str | None = None
    parameters: Parameters = Parameters()
    history: tuple[Turn, ...] = ()


def read_lines(file: BinaryIO, parameters: Parameters, *, objects_only: bool) -> Iterator[Line | BrokenLine]:
    """Yield the prompts of a file, and its broken lines; blank lines are passed over.

    `parameters` are for what a line does not say itself. With `objects_only` (a .jsonl file) a text is broken too:
    it is rather half an object than a prompt.
    """
    for number, raw in enumerate(_raw_lines(file), start=1):
        told = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        if not told.strip():
            continue
        try:
            yield Line(number, _item(told.rstrip(b"\r\n"), parameters, objects_only=objects_only), len(raw))
        except InvalidItem as error:
            yield BrokenLine(number, str(error), len(raw))


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines, of one that is too long for any item just enough to see it."""
    while raw := file.readline(MAX_ITEM_BYTES + 2):
        more = raw
        while len(more) > MAX_ITEM_BYTES and not more.endswith(b"\n"):
            more = file.readline(MAX_ITEM_BYTES + 2)
        yield raw


def _item(raw: bytes, parameters: Parameters, *, objects_only: bool) -> Item:
    if len(raw) > MAX_ITEM_BYTES:
        raise InvalidItem(f"the line has more than {MAX_ITEM_BYTES} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidItem(f"it is not UTF-8 (byte {error.start}): convert the file, say with iconv") from None
    if not objects_only and not text.lstrip().startswith("{"):
        return new_item(text, parameters=parameters)
    try:
        told = msgspec.json.decode(text, type=_Object)
    except msgspec.ValidationError as error:
        raise InvalidItem(f"the object does not fit: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidItem(f'it is no JSON object like {{"prompt": "..."}}: {error}') from None
    return new_item(told.prompt, job_id=told.id, parameters=told.parameters.over(parameters), history=told.history)
