"""The Lua scripts, each preceded by the shared functions that it needs."""

import functools
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

LUA = Path(__file__).parent / "lua"

SHARED = ("common", "waiting", "submitting", "burying", "moving", "listing")
"""Each may use what stands in those before it."""

DEFINED = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)
WORD = re.compile(r"\w+")


def assembled(name: str, folder: Path = LUA) -> str:
    """Return the Lua of one script, with the shared paragraphs before it that it needs.

    Redis creates every function of the text at every call: what a script does not use would cost it time.
    """
    own = _without_comments((folder / f"{name}.lua").read_text())
    words, parts = set(WORD.findall(own)), [own]
    for paragraph in reversed(_paragraphs(folder)):
        if words & paragraph.names:
            words |= paragraph.words
            parts.append(paragraph.text)
    return "\n".join(reversed(parts))


class _Paragraph(NamedTuple):
    """A part of a shared file: what it defines, and every word in it."""

    text: str
    names: frozenset[str]
    words: frozenset[str]


@functools.cache
def _paragraphs(folder: Path) -> list[_Paragraph]:
    """Return what the shared files define: paragraphs of theirs that are parted by empty lines."""
    text = "\n\n".join((folder / "shared" / f"{shared}.lua").read_text() for shared in SHARED)
    return [
        _Paragraph(part, frozenset(", ".join(DEFINED.findall(part)).split(", ")), frozenset(WORD.findall(part)))
        for part in _without_comments(text).split("\n\n")
        if part.strip()
    ]


def _without_comments(text: str) -> str:
    return re.sub(r"^ *--.*\n", "", text, flags=re.MULTILINE)


@functools.cache
def script_text(name: str) -> str:
    """Return what EVAL runs for a script."""
    return assembled(name)


@functools.cache
def script_sha(name: str) -> str:
    """Return the SHA-1 by which EVALSHA knows a script."""
    return hashlib.sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()
