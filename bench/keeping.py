"""Where figures are kept: in `artifacts/bench` always, and in `bench/results` those that the README shows."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bench.places import BENCH, ROOT

RAW = ROOT / "artifacts" / "bench"
RESULTS = BENCH / "results"


def keep(name: str, rows: Iterable[Mapping[str, Any]], *, in_results: bool = False) -> None:
    """Write rows as lines of JSON into `<name>.jsonl`."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for folder in (RAW, RESULTS) if in_results else (RAW,):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jsonl").write_text(text)
