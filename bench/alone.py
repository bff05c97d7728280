"""Measures GreenScale alone, of this checkout or of BENCH_PRODUCT, and prints a line of JSON for each figure.

python -m bench.alone ROW ROW ...
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import kills, rows
from bench.load import OURS
from bench.loads import CONTESTS, contest, figures
from bench.measured import Measured
from bench.servers import empty, engine_of, running_redis


def measure(wanted: set[str], port: int, folder: Path) -> Iterator[Measured]:
    """Measure these rows on this Redis."""
    with engine_of(50) as engine_url, engine_of(0) as prompt_url:
        alone = [replace(one, named=[OURS], others=()) for one in CONTESTS if one.rows & wanted]
        loads = [
            load
            for one in alone
            for load in contest(one, port=port, engine_url=engine_url, folder=folder, everyone=False, share=0.5)
        ]
        yield from figures(loads)
        yield from rows.measure(wanted, port, prompt_url, alone=True)
        if "10" in wanted:
            empty(port)
            yield from kills.begun_again(OURS, port, folder)


def main() -> None:
    """Measure what the arguments name."""
    with TemporaryDirectory() as folder, running_redis() as server:
        for one in measure(set(sys.argv[1:]), server.address.port, Path(folder)):
            print(json.dumps(asdict(one)), flush=True)


if __name__ == "__main__":
    main()
