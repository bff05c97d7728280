"""Where things lie."""

import os
from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"

PARTS = ("jobs", "worker", "operator", "dashboard", "cli")

PRODUCT = Path(os.environ.get("BENCH_PRODUCT") or ROOT)
"""The checkout whose GreenScale is measured: another one where two are compared."""


def python_path(root: Path) -> str:
    """Return what makes Python find a checkout's `bench` and its parts before any that are installed."""
    return os.pathsep.join(str(folder) for folder in (root, *(root / part for part in PARTS)))
