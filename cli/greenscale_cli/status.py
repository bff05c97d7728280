"""`greenscale status`: what the workloads do."""

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from greenscale_cli import options
from greenscale_cli.choose import environment_with_file, find_redis, pick
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import Exit, Fault, faults_told
from greenscale_cli.words import duration, excerpt, moment
from greenscale_jobs import STATUS_STALE_SECONDS, JobClient, QueueUnavailable, RedisAddress, Stats, WorkloadStatus

WATCH_SECONDS = 1.0

COLUMNS = ("NAME", "STATE", "REPLICAS", "PENDING", "RUNNING", "DELAYED", "DEAD", "")

Row = tuple[WorkloadStatus, Stats]


def status(
    workload: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    *,
    output: options.OutputOption = options.Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Show what each workload does: its state, its replicas, its queue.

    greenscale status --watch
    """
    with faults_told():
        if watch and output is options.Output.JSON:
            raise Fault("-o json is one document: it does not go with --watch", Exit.USAGE)
        address = find_redis(redis, run_dir, environment_with_file())
        if watch:
            _watch(address, workload)
        elif output is options.Output.JSON:
            from greenscale_cli.tables import show_json  # noqa: PLC0415

            show_json([as_document(*row) for row in read(address, workload)])
        else:
            from greenscale_cli.tables import show  # noqa: PLC0415

            show(_table(read(address, workload)))


def read(address: RedisAddress, name: str | None) -> list[Row]:
    """Return each workload's last status and its queue's numbers of now."""
    with JobClient(address) as client:
        workloads = client.workloads()
    rows = []
    for told in [pick(workloads, name)] if name else workloads:
        with JobClient(address, told.list_name) as client:
            rows.append((told, client.stats()))
    return rows


def as_document(told: WorkloadStatus, stats: Stats) -> dict[str, Any]:
    """Return what `-o json` says of one workload; the queue's numbers are measured now."""
    return {
        "name": told.name,
        "namespace": told.namespace,
        "state": told.state,
        "message": _sentence(told, stats),
        "replicas": told.replicas,
        "maxReplicas": told.max_replicas,
        "engine": told.engine,
        "model": told.model,
        "listName": told.list_name,
        "queue": {
            "pending": stats.pending,
            "inFlight": stats.in_flight,
            "delayed": stats.delayed,
            "dead": stats.dead,
        },
        "sampledAt": moment(told.sampled_at),
    }


def cells(told: WorkloadStatus, stats: Stats, *, now: float) -> tuple[str, ...]:
    """Return one row of the table. Pure."""
    age = now - told.sampled_at
    numbers = (str(number) for number in (stats.pending, stats.in_flight, stats.delayed, stats.dead))
    if age > STATUS_STALE_SECONDS:
        words = f"Stale: nobody has told of it for {duration(age)}; it was {told.state}."
        return told.name, "Unknown", f"-/{told.max_replicas}", *numbers, words
    return told.name, told.state, f"{told.replicas}/{told.max_replicas}", *numbers, excerpt(_sentence(told, stats), 200)


def _sentence(told: WorkloadStatus, stats: Stats) -> str:
    """Return what is said of a workload, with the numbers that stand beside it."""
    return told.at_work(stats) if told.state == "Active" and stats.work else told.message


def _table(rows: list[Row]) -> Any:
    from greenscale_cli.tables import table  # noqa: PLC0415

    if not rows:
        return "No workload is known here yet: start one with `greenscale local`."
    return table(COLUMNS, [cells(*row, now=time.time()) for row in rows])


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

    from greenscale_cli.tables import show  # noqa: PLC0415

    if not sys.stdout.isatty():
        yield show
        return
    with Live(auto_refresh=False) as live:
        yield functools.partial(live.update, refresh=True)
