"""Options that several commands share, and their shell completion."""

import contextlib
import enum
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from greenscale_jobs import JobState

MAX_COMPLETIONS = 50
"""How many jobs of a state are completed; more would not help. The newest are among them."""


def workload_names(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the workloads whose name begins with `incomplete`; none if Redis is unavailable."""
    from greenscale_cli.choose import choose_redis, file_variables, names_of  # noqa: PLC0415
    from greenscale_jobs import JobClient  # noqa: PLC0415

    with _quietly():
        with JobClient(choose_redis(*_redis_of(context), os.environ, file_variables()).address) as client:
            workloads = client.workloads()
        names = names_of(workloads)
        if "/" in incomplete:
            names = [f"{status.namespace}/{status.name}" for status in workloads]
        yield from (name for name in names if name.startswith(incomplete))


def job_ids(*states: JobState) -> Any:
    """Return a completer of the ids of jobs in these states, each with an excerpt of its prompt."""

    def complete(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
        from greenscale_cli.choose import open_client  # noqa: PLC0415
        from greenscale_cli.formatting import excerpt  # noqa: PLC0415

        named = set(context.params.get("ids") or ())
        with _quietly(), open_client(*_redis_of(context), context.params.get("workload")) as client:
            for state in states:
                for job in client.jobs(state, limit=MAX_COMPLETIONS).jobs:
                    if job.id and job.id.startswith(incomplete) and job.id not in named:
                        yield job.id, f"{job.state}: {excerpt(job.prompt, 40)}"

    return complete


def _redis_of(context: typer.Context) -> tuple[str | None, Path]:
    """Return --redis and --run-dir of the incomplete command line."""
    from greenscale_cli.endpoint import DEFAULT_RUN_DIR  # noqa: PLC0415

    return context.params.get("redis"), Path(context.params.get("run_dir") or DEFAULT_RUN_DIR)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Complete nothing if Redis is unavailable: completion has no place for an error."""
    from greenscale_cli.exits import CommandError  # noqa: PLC0415
    from greenscale_jobs import QueueUnavailable  # noqa: PLC0415

    with contextlib.suppress(CommandError, QueueUnavailable):
        yield


Redis = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        # Without brackets: rich takes [/database] for the end of a style.
        help="redis://host:port, with user:password@ before the host and /database after the port; rediss:// for TLS.",
    ),
]
RunDir = Annotated[Path, typer.Option("--run-dir", metavar="DIR", help="Directory of the local instance's files.")]
WorkloadName = Annotated[
    str | None,
    typer.Option(
        "--workload",
        "-w",
        metavar="WORKLOAD",
        help="Name, or namespace/name; optional if there is only one workload.",
        autocompletion=workload_names,
    ),
]


class Output(enum.StrEnum):
    """Output format of a command."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]
