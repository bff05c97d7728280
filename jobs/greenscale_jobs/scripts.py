"""The Lua scripts, each preceded by the shared functions that it needs."""

import functools
import hashlib
import re
from importlib import resources
from importlib.resources.abc import Traversable

LUA = resources.files("greenscale_jobs") / "lua"

SHARED = ("common", "waiting", "submitting", "burying", "moving", "listing")
"""Each may use what stands in those before it."""

DEFINED = re.compile(r"^local (?:function )?(\w+(?:, \w+)*)", re.MULTILINE)


def assembled(name: str, folder: Traversable = LUA) -> str:
    """Return the Lua of one script, with the shared paragraphs before it that it needs.

    Redis creates every function of the text at every call: what a script does not use would cost it time.
    """
    text = _without_comments((folder / f"{name}.lua").read_text())
    for paragraph in reversed(_paragraphs(folder)):
        names = ", ".join(DEFINED.findall(paragraph)).split(", ")
        if re.search(rf"\b(?:{'|'.join(names)})\b", text):
            text = f"{paragraph}\n{text}"
    return text


def _paragraphs(folder: Traversable) -> list[str]:
    """Return what the shared files define: paragraphs of theirs that are parted by empty lines."""
    text = "\n\n".join((folder / "shared" / f"{shared}.lua").read_text() for shared in SHARED)
    return [paragraph for paragraph in _without_comments(text).split("\n\n") if paragraph.strip()]


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
