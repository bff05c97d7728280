"""`greenscale jobs`: look at jobs, cancel them, send dead ones again."""

import datetime as dt
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from greenscale_cli import options
from greenscale_cli.choose import open_client
from greenscale_cli.documents import of_job
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import Exit, Fault, faults_told
from greenscale_cli.when import past_of
from greenscale_cli.words import duration, excerpt, harmless, moment
from greenscale_jobs import Job, JobClient, JobState

app = typer.Typer(no_args_is_help=True, help="Look at jobs, cancel them, send dead ones again.")

LISTED = (JobState.RUNNING, JobState.WAITING, JobState.DELAYED, JobState.DEAD, JobState.DONE)

SEARCHED_BATCH = 100
"""Jobs that are asked for at once where one searches."""

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs' ids.")]
State = Annotated[JobState | None, typer.Option("--state", help="Only these; `done` holds the cancelled too.")]
Text = Annotated[
    str, typer.Option("--text", help="Only with this in prompt, answer, last error, id or worker.", show_default=False)
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Not older: 2h, 30m, 1d ago, or 2026-11-26T09:00.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Older than this, said likewise.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many of each state.")]


@app.command("list")
def list_jobs(  # noqa: PLR0913 - a command's options
    *,
    state: State = None,
    text: Text = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    output: options.OutputOption = options.Output.TABLE,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """List jobs: running, waiting, delayed, dead, done.

    greenscale jobs list --state dead -o json

    greenscale jobs list --text invoice --since 2h
    """
    with faults_told():
        now = dt.datetime.now(dt.UTC)
        first, last = (
            None if told is None else past_of(told, option=option, now=now)
            for option, told in (("--since", since), ("--until", until))
        )
        found: list[Job] = []
        more = False
        with open_client(redis, run_dir, workload) as client:
            for listed in (state,) if state else LISTED:
                jobs = list(itertools.islice(_search(client, listed, text, first, last), limit + 1))
                more = more or len(jobs) > limit
                found += jobs[:limit]
        _show_jobs(found, more=more, output=output)


@app.command("show")
def show_job(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    output: options.OutputOption = options.Output.TABLE,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Show one job: prompt, answer, attempts with each error, times.

    greenscale jobs show 1a20d9061ba8b3597795f
    """
    from greenscale_cli.tables import show as show_table  # noqa: PLC0415
    from greenscale_cli.tables import show_json, table  # noqa: PLC0415

    with faults_told(), open_client(redis, run_dir, workload) as client:
        job = client.job(job_id)
        if output is options.Output.JSON:
            show_json(of_job(job))
        else:
            show_table(table(("", ""), list(_life(job))))


@app.command("cancel")
def cancel_jobs(
    ids: Ids,
    *,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Cancel jobs: a waiting one at once, a running one within seconds.

    greenscale jobs cancel 1a20d9061ba8b3597795f
    """
    with faults_told(), open_client(redis, run_dir, workload) as client:
        for job_id in ids:
            before = client.cancel(job_id)
            if before.final:
                raise Fault(f"job {job_id} is {before} already", Exit.USAGE)
            print(f"{job_id} {'is being' if before is JobState.RUNNING else 'is'} cancelled")  # noqa: T201


@app.command("retry")
def retry_jobs(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Dead jobs' ids.")] = None,
    *,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead job of the workload.")] = False,
    workload: options.WorkloadName = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Send dead jobs again, with all their attempts.

    greenscale jobs retry --all-dead -w assistant
    """
    with faults_told(), open_client(redis, run_dir, workload) as client:
        if bool(ids) == all_dead:
            raise Fault("say which jobs: ids, or --all-dead", Exit.USAGE)
        if all_dead:
            _redrive_all(client)
            return
        sent = client.redrive(ids or [])
        for job_id in sent:
            print(job_id)  # noqa: T201
        missed = [job_id for job_id in ids or [] if job_id not in sent]
        if missed:
            raise Fault(f"not dead, so not sent again: {', '.join(missed)}", Exit.UNKNOWN)


def _redrive_all(client: JobClient) -> None:
    """Send again what is dead now and print the ids; a terminal is shown how far it is."""
    from greenscale_cli.bars import Bar  # noqa: PLC0415

    sent = 0
    with Bar("sending again", total=None) as bar:

        def told(job_ids: Sequence[str], left: int) -> None:
            nonlocal sent
            sent += len(job_ids)
            bar.go_on(len(job_ids), total=sent + left, words=f"{sent} of {sent + left}")
            print(*job_ids, sep="\n")  # noqa: T201

        client.redrive_all(told=told)
    if sys.stderr.isatty():
        print(f"{sent} sent again", file=sys.stderr)  # noqa: T201


def _search(client: JobClient, state: JobState, text: str, since: float | None, until: float | None) -> Iterator[Job]:
    """Yield what fits, in the order of the state's list; the cancelled are kept among the done."""
    kept = JobState.DONE if state is JobState.CANCELLED else state
    cursor: int | None = 0
    while cursor is not None:
        found = client.search(kept, text=text, since=since, until=until, cursor=cursor, limit=SEARCHED_BATCH)
        yield from (job for job in found.jobs if state is not JobState.CANCELLED or job.state is state)
        cursor = found.cursor


def _show_jobs(found: list[Job], *, more: bool, output: options.Output) -> None:
    from greenscale_cli.tables import show, show_json, table  # noqa: PLC0415

    if output is options.Output.JSON:
        show_json([of_job(job) for job in found])
        return
    if not found:
        show("No jobs.")
        return
    now = time.time()
    rows = [
        (job.id or "(no id yet)", job.state.value, _age(job, now), excerpt(job.prompt), _last(job)) for job in found
    ]
    show(table(("ID", "STATE", "AGE", "PROMPT", "ANSWER OR ERROR"), rows))
    if more:
        show("There are more: --limit shows them.")


def _age(job: Job, now: float) -> str:
    return duration(None if job.submitted_at is None else now - job.submitted_at)


def _last(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    return f"{job.error.reason}: {excerpt(job.error.message, 100)}" if job.error else ""


def _life(job: Job) -> list[tuple[str, str]]:
    """Return a job's life as rows: what, and how it was."""
    rows: list[tuple[str, str | None]] = [
        ("id", job.id),
        ("state", job.state.value + (" (is being cancelled)" if job.cancelling else "")),
        ("prompt", job.prompt and harmless(job.prompt)),
        ("submitted", moment(job.submitted_at) or "not known: another client pushed it"),
        ("claimed", moment(job.claimed_at)),
        ("due again" if job.attempts else "due", moment(job.due_at) if job.state is JobState.DELAYED else None),
        ("first token", moment(job.outcome.first_token_at) if job.outcome else None),
        ("finished", moment(job.finished_at)),
        ("worker", job.worker),
        ("attempts", str(job.attempts)),
        *((f"attempt {error.attempt}", f"{error.reason}: {harmless(error.message)}") for error in job.errors),
        ("answer", job.result and harmless(job.result)),
    ]
    return [(name, value) for name, value in rows if value is not None]
