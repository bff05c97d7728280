"""`greenscale status`: what the workloads do."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import typer

from greenscale_cli import options
from greenscale_cli.choose import choose, names_of, pick
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import CommandError, Exit, errors_reported
from greenscale_cli.formatting import age, excerpt
from greenscale_cli.terminal import is_screen
from greenscale_jobs import (
    STATUS_STALE_SECONDS,
    JobClient,
    JobState,
    QueueUnavailable,
    RedisAddress,
    Stats,
    WorkloadState,
    WorkloadStatus,
)
from greenscale_jobs.document import moment
from greenscale_jobs.sentences import no_report, sentence

WATCH_SECONDS = 1.0

COLUMNS = ("NAME", "STATE", "REPLICAS", "PENDING", "RUNNING", "DELAYED", "DEAD", "OLDEST", "WHAT IT DOES")

WIDE_COLUMNS = 120
"""On a narrower terminal the sentences stand below the table."""

STYLES: dict[str, str] = {
    WorkloadState.SCALED_TO_ZERO: "blue",
    WorkloadState.WAKING: "yellow",
    WorkloadState.ACTIVE: "green",
    WorkloadState.COOLING_DOWN: "cyan",
    WorkloadState.SUSPENDED: "dim",
    WorkloadState.DEGRADED: "bold red",
}
"""A state's colour; the word stands there too."""


class Row(NamedTuple):
    """A workload's last status, its queue's numbers of now, and since when its next job waits (Unix seconds)."""

    status: WorkloadStatus
    stats: Stats
    oldest: float | None = None


def status(
    workload: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKLOAD", help="Only this one.", autocompletion=options.workload_names, show_default=False
        ),
    ] = None,
    *,
    output: options.OutputOption = options.Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Show what each workload does: its state, its replicas, its queue.

    $ greenscale status --watch

    $ greenscale status assistant -o json
    """
    with errors_reported():
        if watch and output is options.Output.JSON:
            raise CommandError("-o json is one document: it does not go with --watch", Exit.USAGE)
        address = choose(redis, run_dir).address
        if watch:
            _watch(address, workload)
        elif output is options.Output.JSON:
            from greenscale_cli.tables import show_json  # noqa: PLC0415

            show_json([as_document(row, now=time.time()) for row in read(address, workload)])
        else:
            from greenscale_cli.tables import show  # noqa: PLC0415

            show(_table(read(address, workload)))


def read(address: RedisAddress, name: str | None) -> list[Row]:
    """Return each workload's last status and its queue's numbers of now."""
    with JobClient(address) as client:
        workloads = client.workloads()
    return [_row(address, status) for status in ([pick(workloads, name)] if name else workloads)]


def _row(address: RedisAddress, status: WorkloadStatus) -> Row:
    with JobClient(address, status.list_name) as client:
        stats = client.stats()
        waiting = client.jobs(JobState.WAITING, limit=1).jobs if stats.pending else ()
    return Row(status, stats, waiting[0].submitted_at if waiting else None)


def as_document(row: Row, *, now: float) -> dict[str, Any]:
    """Return what `-o json` says of one workload; the queue's numbers are measured now."""
    status, stats, oldest = row
    return {
        "name": status.name,
        "namespace": status.namespace,
        "state": status.state,
        "message": sentence(status, stats, now=now),
        "replicas": status.replicas,
        "maxReplicas": status.max_replicas,
        "engine": status.engine,
        "model": status.model,
        "listName": status.list_name,
        "queue": {
            "pending": stats.pending,
            "inFlight": stats.in_flight,
            "delayed": stats.delayed,
            "dead": stats.dead,
            "oldestWaitsSince": moment(oldest),
        },
        "usualWakeSeconds": status.usual_wake_seconds,
        "sampledAt": moment(status.sampled_at),
    }


def cells(row: Row, *, now: float) -> tuple[str, ...]:
    """Return one row of the table. Pure."""
    status, stats, oldest = row
    silent = now - status.sampled_at
    counts = (str(number) for number in (stats.pending, stats.in_flight, stats.delayed, stats.dead))
    numbers = (*counts, age(oldest, now=now))
    if silent > STATUS_STALE_SECONDS:
        return status.name, "Unknown", f"-/{status.max_replicas}", *numbers, no_report(silent, last_state=status.state)
    said = excerpt(sentence(status, stats, now=now), 200)
    return status.name, status.state, f"{status.replicas}/{status.max_replicas}", *numbers, said


def _table(rows: list[Row]) -> Any:
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from greenscale_cli.tables import table, width  # noqa: PLC0415

    if not rows:
        return "No workload is known here yet: start one with `greenscale local`."
    lines: list[tuple[str | Text, ...]] = []
    sentences: list[Text] = []
    for name, row in zip(names_of([row.status for row in rows]), rows, strict=True):
        _, state, *numbers, said = cells(row, now=time.time())
        lines.append((name, Text(state, style=STYLES.get(state, "")), *numbers, said))
        sentences.append(Text(f"{name}: {said}"))
    if width() >= WIDE_COLUMNS:
        return table(COLUMNS, lines, cut=COLUMNS[:1], wrapped=COLUMNS[-1:])
    return Group(table(COLUMNS[:-1], [line[:-1] for line in lines], cut=COLUMNS[:1]), Text(), *sentences)


def _watch(address: RedisAddress, name: str | None) -> None:
    with contextlib.suppress(KeyboardInterrupt), _screen() as draw:
        while True:
            try:
                draw(_table(read(address, name)))
            except QueueUnavailable as error:
                draw(str(error))
            time.sleep(WATCH_SECONDS)


@contextlib.contextmanager
def _screen() -> Iterator[Callable[[Any], None]]:
    """Give what draws over its last drawing on a terminal, and below it into a pipe."""
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from greenscale_cli.tables import show  # noqa: PLC0415

    if not is_screen(sys.stdout):
        yield show
        return
    last: list[Any] = []
    # On a screen of its own each drawing is written over the last, and nothing is cleared: it cannot flicker.
    with Live(auto_refresh=False, screen=True) as live:

        def draw(what: Any) -> None:
            last[:] = [Text(what) if isinstance(what, str) else what]
            live.update(last[0], refresh=True)

        with contextlib.suppress(KeyboardInterrupt):
            yield draw
    for what in last:
        show(what)
