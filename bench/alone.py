"""Measures GreenScale alone, of this checkout or of BENCH_PRODUCT, and prints a line of JSON for each figure.

python -m bench.alone ROW ROW ...
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from bench import kills, rows
from bench.load import OURS
from bench.loads import CONTESTS, contest, figures
from bench.measured import Measured
from bench.servers import engine_of, server_in

ROWS_OF = {
    "no-ops": {"1", "2"},
    "no-ops, no streaming": {"6"},
    "HTTP": {"3"},
    "OpenAI": {"4"},
    "HTTP, 200 at once": {"5"},
}


def measure(wanted: set[str], port: int, folder: Path) -> Iterator[Measured]:
    """Measure these rows on this Redis."""
    with engine_of(50) as engine_url, engine_of(0) as prompt_url:
        alone = [replace(one, named=[OURS], others=()) for one in CONTESTS if ROWS_OF.get(one.name, set()) & wanted]
        loads = [
            load
            for one in alone
            for load in contest(one, port=port, engine_url=engine_url, folder=folder, everyone=False, share=0.5)
        ]
        yield from figures(loads)
        parts: list[tuple[str, Callable[[], Iterator[Measured]]]] = [
            ("7", lambda: rows.latency(port, alone=True)),
            ("8", lambda: rows.starts(port, prompt_url, alone=True)),
            ("9", lambda: rows.memory(port, alone=True)),
            ("9", lambda: rows.idling(port)),
            ("10", lambda: kills.begun_again(OURS, port, folder)),
        ]
        for row, part in parts:
            if row in wanted:
                with redis.Redis(port=port) as plain:
                    plain.flushall()
                yield from part()


def main() -> None:
    """Measure what the arguments name."""
    with TemporaryDirectory() as folder:
        server = server_in(Path(folder))
        server.start()
        try:
            for one in measure(set(sys.argv[1:]), server.address.port, Path(folder)):
                print(json.dumps(asdict(one)), flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
