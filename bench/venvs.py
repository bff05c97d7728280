"""An environment for each peer, as they need different versions of redis-py: made once, outside the checkout."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.places import PEERS

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "greenscale" / "bench"


def python_of(peer: str, locks: Path = PEERS) -> Path:
    """Return the Python of a peer's environment, which is made where it is missing; `<peer>.txt` is its lock."""
    lock = locks / f"{peer}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{peer}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"making the environment of {peer} (a minute, once) ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--require-hashes", "-r", lock], check=True)
        (folder / "complete").touch()
    return python


def script_of(peer: str, sources: Path = PEERS) -> Path:
    """Return the program of a peer that Node runs, in a folder with its packages; `package-lock.json` is its lock."""
    folder_of_sources = sources / peer
    files = sorted(file for file in folder_of_sources.iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = CACHE / f"{peer}-{digest}"
    if not (folder / "complete").exists():
        print(f"installing {peer} ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(folder_of_sources, folder)
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(f"{peer} needs Node and npm on the PATH, version 20 or newer")
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        (folder / "complete").touch()
    return folder / f"{peer}.mjs"
