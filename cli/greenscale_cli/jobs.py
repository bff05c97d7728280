"""`greenscale jobs`: list, show, await, cancel and retry jobs."""

import datetime as dt
import enum
import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from greenscale_cli import options
from greenscale_cli.choose import open_client
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import CommandError, Exit, errors_reported
from greenscale_cli.time_options import unix_time_of
from greenscale_jobs import Job, JobClient, JobState, UnknownJob
from greenscale_jobs.document import document

app = typer.Typer(no_args_is_help=True, help="List and show jobs, wait for them, cancel them, retry dead ones.")

LISTED = (JobState.RUNNING, JobState.WAITING, JobState.DELAYED, JobState.DEAD, JobState.DONE)

SEARCH_BATCH = 100
"""Jobs per request of a search."""


class ListOutput(enum.StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


AnyId = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id.", autocompletion=options.job_ids(*LISTED), show_default=False)
]
IdsToCancel = Annotated[
    list[str],
    typer.Argument(
        metavar="ID",
        help="Jobs' ids.",
        autocompletion=options.job_ids(JobState.RUNNING, JobState.WAITING, JobState.DELAYED),
        show_default=False,
    ),
]
DeadIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", help="Dead jobs' ids.", autocompletion=options.job_ids(JobState.DEAD), show_default=False
    ),
]
State = Annotated[
    JobState | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only this state: running, waiting, delayed, dead, done (includes cancelled) or cancelled.",
    ),
]
Text = Annotated[
    str,
    typer.Option(
        "--text",
        metavar="TEXT",
        help="Only jobs with this text in prompt, answer, last error, id or worker.",
        show_default=False,
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only jobs since then: 2h, 30m, 1d ago, or 2026-11-26T09:00."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only jobs before then, in the same form.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Maximum jobs per state.")]
ListOutputOption = Annotated[
    ListOutput, typer.Option("--output", "-o", help="json: one list; jsonl: one line per job, as it is found.")
]
Stream = Annotated[bool, typer.Option("--stream", help="Print the answer as it is written.")]
AllDead = Annotated[bool, typer.Option("--all-dead", help="Every dead job of the workload.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask for confirmation. Without a terminal the command never asks.")
]


@app.command("list")
def list_jobs(  # noqa: PLR0913 - a command's options
    *,
    state: State = None,
    text: Text = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    output: ListOutputOption = ListOutput.TABLE,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """List jobs: running, waiting, delayed, dead, done; in each state the next or the newest first.

    $ greenscale jobs list --state dead -o json

    $ greenscale jobs list --text invoice --since 2h

    $ greenscale jobs list --state done --limit 100000 -o jsonl > done.jsonl
    """
    with errors_reported():
        now = dt.datetime.now(dt.UTC)
        first, last = (
            None if text_of_time is None else unix_time_of(text_of_time, option=option, now=now)
            for option, text_of_time in (("--since", since), ("--until", until))
        )
        cut_short: list[JobState] = []

        def found(client: JobClient) -> Iterator[Job]:
            for listed in (state,) if state else LISTED:
                jobs = _search(client, listed, text, first, last)
                yield from itertools.islice(jobs, limit)
                if next(jobs, None):
                    cut_short.append(listed)

        with open_client(redis, run_dir, workload) as client:
            _print_jobs(found(client), output)
        if cut_short:
            states = ", ".join(cut_short)
            print(f"There are more ({states}): raise --limit to see them.", file=sys.stderr)  # noqa: T201


@app.command("show")
def show_job(
    job_id: AnyId,
    *,
    output: options.OutputOption = options.Output.TABLE,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Show one job: prompt, answer, attempts with each error, times.

    $ greenscale jobs show 1a20d9061ba8b3597795f
    """
    from greenscale_cli.job_rows import fields_of  # noqa: PLC0415
    from greenscale_cli.tables import show as show_table  # noqa: PLC0415
    from greenscale_cli.tables import show_json, table  # noqa: PLC0415

    with errors_reported(), open_client(redis, run_dir, workload) as client:
        job = client.job(job_id)
        if output is options.Output.JSON:
            show_json(document(job))
        else:
            show_table(table(("", ""), fields_of(job), wrapped={""}))


@app.command("wait")
def wait_for_job(
    job_id: AnyId,
    *,
    stream: Stream = False,
    output: options.OutputOption = options.Output.TABLE,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Wait until a job is done and print its answer, like `submit --wait`.

    $ greenscale jobs wait 1a20d9061ba8b3597795f

    $ greenscale jobs wait --stream 1a20d9061ba8b3597795f
    """
    from greenscale_cli.answering import answer  # noqa: PLC0415

    with errors_reported(), open_client(redis, run_dir, workload) as client:
        raise typer.Exit(answer(client, job_id, stream=stream, as_json=output is options.Output.JSON))


@app.command("cancel")
def cancel_jobs(
    ids: IdsToCancel,
    *,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Cancel jobs: a waiting one at once, a running one within seconds.

    $ greenscale jobs cancel 1a20d9061ba8b3597795f

    $ greenscale jobs list --text spam -o jsonl | jq -r .id | xargs greenscale jobs cancel
    """
    with errors_reported(), open_client(redis, run_dir, workload) as client:
        missed: list[CommandError] = []
        for job_id in ids:
            try:
                before = client.cancel(job_id)
            except UnknownJob as error:
                missed.append(CommandError(str(error), Exit.UNKNOWN))
                continue
            if before.final:
                missed.append(CommandError(f"job {job_id} is already {before}", Exit.USAGE))
                continue
            print(f"{job_id} {'is being' if before is JobState.RUNNING else 'is'} cancelled")  # noqa: T201
        if missed:
            raise CommandError("; ".join(map(str, missed)), missed[0].status)


@app.command("retry")
def retry_jobs(
    ids: DeadIds = None,
    *,
    all_dead: AllDead = False,
    yes: Yes = False,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Retry dead jobs, with all attempts again, and print their ids.

    $ greenscale jobs retry 1a20d9061ba8b3597795f

    $ greenscale jobs retry --all-dead -w assistant
    """
    with errors_reported(), open_client(redis, run_dir, workload) as client:
        if bool(ids) == all_dead:
            raise CommandError("name the jobs: ids, or --all-dead", Exit.USAGE)
        if all_dead:
            from greenscale_cli.retrying import retry_all  # noqa: PLC0415

            retry_all(client, sure=yes)
            return
        retried = client.redrive(ids or [])
        for job_id in retried:
            print(job_id)  # noqa: T201
        missed = [job_id for job_id in ids or [] if job_id not in retried]
        if missed:
            raise CommandError(f"not dead, so not retried: {', '.join(missed)}", Exit.UNKNOWN)


def _search(client: JobClient, state: JobState, text: str, since: float | None, until: float | None) -> Iterator[Job]:
    """Yield jobs that match, in the order of the state's list; cancelled jobs are stored among the done."""
    kept = JobState.DONE if state is JobState.CANCELLED else state
    cursor: int | None = 0
    while cursor is not None:
        found = client.search(kept, text=text, since=since, until=until, cursor=cursor, limit=SEARCH_BATCH)
        yield from (job for job in found.jobs if state is not JobState.CANCELLED or job.state is state)
        cursor = found.cursor


def _print_jobs(found: Iterable[Job], output: ListOutput) -> None:
    from greenscale_cli.job_rows import LIST_COLUMNS, list_row  # noqa: PLC0415
    from greenscale_cli.tables import json_line, show, show_json, table  # noqa: PLC0415

    match output:
        case ListOutput.JSONL:
            for job in found:
                sys.stdout.write(json_line(document(job)))
        case ListOutput.JSON:
            show_json([document(job) for job in found])
        case ListOutput.TABLE:
            rows = [list_row(job, now=time.time()) for job in found]
            show(table(LIST_COLUMNS, rows, cut=LIST_COLUMNS[3:]) if rows else "No jobs.")
