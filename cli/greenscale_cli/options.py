"""Options that several commands share."""

import enum
from pathlib import Path
from typing import Annotated

import typer

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
    str | None, typer.Option("--workload", "-w", metavar="WORKLOAD", help="Its name, or namespace/name.")
]


class Output(enum.StrEnum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to answer.")]
