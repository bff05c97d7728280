"""Options that several commands share."""

import contextlib
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def workload_names(incomplete: str) -> Iterator[str]:
    """Yield the workloads that a name on the command line may become; none where Redis cannot be asked."""
    from greenscale_cli.choose import environment_with_file, find_redis  # noqa: PLC0415
    from greenscale_cli.endpoint import DEFAULT_RUN_DIR  # noqa: PLC0415
    from greenscale_cli.exits import Fault  # noqa: PLC0415
    from greenscale_jobs import JobClient, QueueUnavailable  # noqa: PLC0415

    with contextlib.suppress(Fault, QueueUnavailable):
        with JobClient(find_redis(None, DEFAULT_RUN_DIR, environment_with_file())) as client:
            told = client.workloads()
        yield from (status.name for status in told if status.name.startswith(incomplete))


Redis = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        # Without brackets: rich takes [/database] for the end of a style and stops.
        help="redis://host:port; user:password@ goes before the host, /database after the port; rediss:// for TLS.",
    ),
]
RunDir = Annotated[Path, typer.Option("--run-dir", metavar="DIR", help="Where a local instance keeps its things.")]
WorkloadName = Annotated[
    str | None,
    typer.Option(
        "--workload", "-w", metavar="WORKLOAD", help="Its name, or namespace/name.", autocompletion=workload_names
    ),
]


class Output(enum.StrEnum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to answer.")]
