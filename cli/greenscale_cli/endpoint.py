"""How a running local instance is found: `endpoint.json` in its run directory."""

import os
from pathlib import Path

import msgspec

DEFAULT_RUN_DIR = Path(".greenscale")

FILE = "endpoint.json"


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
    """Publish this instance; readers see the whole of it or nothing."""
    temporary = run_dir / f"{FILE}.new"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(endpoint)) + b"\n")
    temporary.replace(run_dir / FILE)


def read(run_dir: Path) -> Endpoint | None:
    """Return the instance of a run directory; None where none runs, though one may have been killed there."""
    try:
        endpoint = msgspec.json.decode((run_dir / FILE).read_bytes(), type=Endpoint)
        os.kill(endpoint.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return endpoint


def remove(run_dir: Path) -> None:
    """Tell others that the instance is gone."""
    (run_dir / FILE).unlink(missing_ok=True)


def find(run_dir: Path) -> Endpoint | None:
    """Return the instance of a run directory, or (if it is relative) of the same in a parent directory."""
    return next(filter(None, (read(folder / run_dir) for folder in places(run_dir))), None)


def places(run_dir: Path) -> list[Path]:
    """Return the folders in which a run directory is looked for: this one and those above it."""
    try:
        here = Path.cwd()
    except OSError:  # the working directory was deleted
        return [Path()]
    return [here] if run_dir.is_absolute() else [here, *here.parents]
