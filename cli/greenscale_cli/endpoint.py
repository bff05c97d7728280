"""How a running local instance is found: `endpoint.json` in its run directory."""

import os
from pathlib import Path

import msgspec

DEFAULT_RUN_DIR = Path(".greenscale")

FILE = "endpoint.json"

MAX_BYTES = 10_000
"""More than it ever has."""


class RedisEndpoint(msgspec.Struct, frozen=True):
    """Where the instance's Redis listens."""

    host: str
    port: int


class Endpoint(msgspec.Struct, frozen=True):
    """A running instance: its Redis, its page's URL (None without a page), its process id."""

    redis: RedisEndpoint
    page: str | None
    pid: int


def write(run_dir: Path, endpoint: Endpoint) -> None:
    """Publish this instance, atomically for readers."""
    temporary = run_dir / f"{FILE}.new"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(endpoint)) + b"\n")
    temporary.replace(run_dir / FILE)


def read(run_dir: Path) -> Endpoint | None:
    """Return the instance of a run directory; None if none of this user runs, even if a killed one left its file.

    Another user's file could lead to a Redis that reads along.
    """
    try:
        with open(run_dir / FILE, "rb", opener=_open_at_once) as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            endpoint = msgspec.json.decode(file.read(MAX_BYTES), type=Endpoint)
        os.kill(endpoint.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return endpoint


def remove(run_dir: Path) -> None:
    """Remove the published instance."""
    (run_dir / FILE).unlink(missing_ok=True)


def find(run_dir: Path) -> Endpoint | None:
    """Return the instance of a run directory; a relative one is also looked up in the parent directories."""
    return next(filter(None, (read(folder / run_dir) for folder in places(run_dir))), None)


def places(run_dir: Path) -> list[Path]:
    """Return the folders that may contain a run directory: this one and its parents."""
    try:
        here = Path.cwd()
    except OSError:  # the working directory was deleted
        return [Path()]
    return [here] if run_dir.is_absolute() else [here, *here.parents]


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a named pipe in its place would let us wait for ever."""
    return os.open(path, flags | os.O_NONBLOCK)
