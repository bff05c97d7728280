"""A line of a log for each event: its time, level and name, and its fields, as text or as JSON.

Every part that logs writes this form. A worker writes two lines for each job: these functions are on its path.
"""

import functools
import json
import re
import time
import types
from collections.abc import Mapping
from typing import Literal

import msgspec

LogFormat = Literal["text", "json"]

NEEDS_QUOTES = re.compile(r'[\s"\x00-\x1f\x7f-\x9f]')
"""What would make a value look like more than one word, or control a terminal."""

PLAIN = (int, float, types.NoneType)
"""Values that JSON has as they are, and that need no quotes."""

NOTHING: Mapping[str, str] = types.MappingProxyType({})


def timestamp(seconds: float) -> str:
    """Return Unix seconds as UTC, with milliseconds."""
    return _text_of(int(seconds * 1000))


@functools.lru_cache(maxsize=1)
def _text_of(milliseconds: int) -> str:  # where there are thousands of lines a second, several share one
    return f"{_whole_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@functools.lru_cache(maxsize=1)
def _whole_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def json_line(
    when: str, level: str, event: str, fields: Mapping[str, object], *, common: Mapping[str, str] = NOTHING
) -> str:
    """Return an event as a JSON object; `common` are fields of every event, and come first."""
    # Other values have a text without secrets: msgspec would write out an address with its password.
    plain = {name: value if isinstance(value, PLAIN) else str(value) for name, value in fields.items()}
    return msgspec.json.encode({"time": when, "level": level, "event": event, **common, **plain}).decode()


def text_line(when: str, level: str, event: str, fields: Mapping[str, object]) -> str:
    """Return an event as words: `time level event key=value`."""
    line = f"{when} {level} {event}"
    for name, value in fields.items():
        text = str(value)
        plain = isinstance(value, PLAIN) or (text and not NEEDS_QUOTES.search(text))
        line += f" {name}={text if plain else json.dumps(text)}"
    return line
