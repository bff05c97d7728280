"""What a client may push or write on a line of a file, and how it is read.

Pure: no I/O, no clock.
"""

from typing import Annotated, Any

import msgspec

from greenscale_jobs.records import (
    ITEM_VERSION,
    JOB_ID_RULE,
    InvalidItem,
    Item,
    NewerItem,
    Parameters,
    Turn,
    check_prompt,
)


def parse_item(raw: bytes, job_id: str) -> Item:
    """Read an element of the list that was claimed as `job_id`: our JSON, or any client's plain text.

    Raises:
        NewerItem: A newer version wrote it.
        InvalidItem: It can never run.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidItem(f"the item is not UTF-8 (byte {error.start}); encode it as UTF-8") from None
    text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.lstrip().startswith("{"):
        return check_prompt(Item(id=job_id, prompt=text))
    pushed = parse_object(text, what="the item")
    # A number that the claiming script cannot hold exactly gets an id of its own.
    if pushed.id and pushed.id != job_id and not pushed.id.isdecimal():
        raise InvalidItem(f"its id must have {JOB_ID_RULE}")
    return check_prompt(Item(job_id, pushed.prompt, pushed.parameters, pushed.history, pushed.v))


class Pushed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may push or write on a line of a file. Only the prompt is required."""

    prompt: str
    id: str = ""
    """Empty: not given."""
    parameters: Parameters = Parameters()
    history: tuple[Turn, ...] = ()
    v: Annotated[int, msgspec.Meta(ge=1)] = 1


PUSHED = msgspec.json.Decoder(Pushed)

BYTE_ORDER_MARK = "\ufeff"
"""What some editors and .NET write before UTF-8."""

ALLOWED = (
    "allowed are prompt, id, parameters (maxTokens, temperature, system) and history (a list of role and content, the "
    "role user or assistant)"
)


def parse_object(text: str, *, what: str) -> Pushed:
    """Read a JSON object with a prompt. Null counts as not given, at any place; an id may be a whole number.

    Raises:
        NewerItem: A newer version wrote it; the text begins with `what`.
        InvalidItem: It is not such an object; the text begins with `what`.
    """
    try:
        return _read(text, what)
    except msgspec.ValidationError as error:
        raise InvalidItem(f"{what} does not fit: {error}; {ALLOWED}") from None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidItem(
            f"{what} begins like a JSON object but is not valid JSON: {error}; "
            'send {"prompt": "..."} or a text that does not begin with "{"'
        ) from None


def _read(text: str, what: str) -> Pushed:
    try:
        pushed = PUSHED.decode(text)
    except msgspec.ValidationError:
        fields = msgspec.json.decode(text)
        _refuse_newer(fields.get("v"), what)  # first: a newer item may have fields and types that nobody knows here
        return msgspec.convert(_as_meant(fields), Pushed)
    _refuse_newer(pushed.v, what)
    return pushed


def _refuse_newer(version: object, what: str) -> None:
    if type(version) is int and version > ITEM_VERSION:
        raise NewerItem(what, version)


def _as_meant(given: dict[str, Any]) -> dict[str, Any]:
    """Return an object as its producer meant it: Go and Java write null for what is not set, pandas 100.0 for 100."""
    meant = _without_nulls(given)
    if type(meant.get("id")) is int:
        meant["id"] = str(meant["id"])
    if isinstance(meant.get("parameters"), dict):
        parameters = meant["parameters"] = _without_nulls(meant["parameters"])
        tokens = parameters.get("maxTokens")
        if isinstance(tokens, float) and tokens.is_integer():
            parameters["maxTokens"] = int(tokens)
    if isinstance(meant.get("history"), list):
        meant["history"] = [_without_nulls(turn) if isinstance(turn, dict) else turn for turn in meant["history"]]
    return meant


def _without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


EXCERPT_CHARS = 200


def excerpt_of(raw: bytes) -> str:
    """Return the beginning of an item that cannot be read, as one line without control characters."""
    text = raw[: 4 * EXCERPT_CHARS].decode(errors="backslashreplace")
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return line if len(line) <= EXCERPT_CHARS and len(raw) <= 4 * EXCERPT_CHARS else f"{line[:EXCERPT_CHARS]}..."
