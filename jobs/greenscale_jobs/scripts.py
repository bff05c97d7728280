"""The Lua scripts, each preceded by the shared functions that it needs."""

import functools
import hashlib
import re
from importlib import resources
from importlib.resources.abc import Traversable

LUA = resources.files("greenscale_jobs") / "lua"

SHARED = ("common", "waiting", "burying", "moving", "listing")
"""A script is preceded by these, up to the one that its first line names: Redis runs all of it each time."""


def assembled(name: str, folder: Traversable = LUA) -> str:
    """Return the Lua of one script, with the shared functions before it."""
    own = (folder / f"{name}.lua").read_text()
    last = re.match(r"-- After (\w+)\.lua\.\n", own)
    if last is None:
        raise ValueError(f"{name}.lua must begin with the last shared file that it needs: -- After {SHARED[0]}.lua.")
    before = SHARED[: SHARED.index(last[1]) + 1]
    return "".join((folder / "shared" / f"{shared}.lua").read_text() for shared in before) + own


@functools.cache
def script_text(name: str) -> str:
    """Return what EVAL runs for a script."""
    return assembled(name)


@functools.cache
def script_sha(name: str) -> str:
    """Return the SHA-1 by which EVALSHA knows a script."""
    return hashlib.sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()
