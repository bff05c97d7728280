"""Exit statuses, and how an expected error becomes one line and a status."""

import contextlib
import enum
import sys
from collections.abc import Iterator

import typer

from greenscale_cli.formatting import harmless
from greenscale_jobs import (
    AccessRefused,
    DuplicateJob,
    InvalidItem,
    JobRefusedByRedis,
    KeyReused,
    QueueDamaged,
    QueueError,
    QueueFull,
    QueueUnavailable,
    SearchTooLong,
    UnknownJob,
)


class Exit(enum.IntEnum):
    """The exit statuses that scripts can rely on."""

    DONE = 0
    FAILED = 1
    """The awaited job failed, or `doctor` found a fault."""
    USAGE = 2
    """The command, its input or a file is wrong: trying again does not help."""
    UNAVAILABLE = 3
    """Redis cannot be used or the queue is full: trying again later may help."""
    UNKNOWN = 4
    """No such job or workload."""
    CANCELLED = 5
    """The awaited job was cancelled."""
    OUTPUT = 6
    """Output cannot be written to stdout; the request itself is done, and stderr has the job's id."""
    INTERRUPTED = 130
    """Ctrl-C."""


HELP = (
    "Exit status: 0 done, 1 the job failed or doctor found a fault, 2 wrong usage or input, 3 try again later, "
    "4 unknown, 5 cancelled, 6 stdout cannot be written, 130 Ctrl-C."
)

STATUSES: dict[type[Exception], Exit] = {
    QueueFull: Exit.UNAVAILABLE,
    QueueUnavailable: Exit.UNAVAILABLE,
    AccessRefused: Exit.UNAVAILABLE,
    QueueDamaged: Exit.UNAVAILABLE,
    UnknownJob: Exit.UNKNOWN,
    JobRefusedByRedis: Exit.USAGE,
    DuplicateJob: Exit.USAGE,
    KeyReused: Exit.USAGE,
    SearchTooLong: Exit.USAGE,
    InvalidItem: Exit.USAGE,
}


class CommandError(Exception):
    """An expected error: its text is for people, its status for scripts."""

    def __init__(self, text: str, status: Exit) -> None:
        super().__init__(text)
        self.status = status


@contextlib.contextmanager
def errors_reported() -> Iterator[None]:
    """Turn an expected error into one line on stderr and an exit status."""
    try:
        yield
    except (QueueError, InvalidItem) as error:
        tell(str(error))
        raise typer.Exit(STATUSES[type(error)]) from None
    except CommandError as error:
        tell(str(error))
        raise typer.Exit(error.status) from None


def tell(text: str) -> None:
    """Print one line on stderr."""
    # The text may quote an engine or a server.
    print(f"greenscale: {harmless(text)}", file=sys.stderr)  # noqa: T201
