"""`greenscale submit`: sends prompts to the queue, and prints the answers with --wait."""

import contextlib
import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from greenscale_cli import options
from greenscale_cli.choose import open_client
from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import CommandError, Exit, errors_reported, tell
from greenscale_cli.streams import OutputLost
from greenscale_cli.time_options import moment_of, seconds_of
from greenscale_jobs import JobClient, Parameters, QueueError
from greenscale_jobs.document import document
from greenscale_jobs.file_kinds import WIDE, RefusedFile, check_block, encoding_of
from greenscale_jobs.prompt_files import Format
from greenscale_jobs.records import MAX_PROMPT_BYTES

Prompt = Annotated[
    str | None, typer.Argument(metavar="PROMPT", help="The prompt; default or -: read stdin.", show_default=False)
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Prompts: texts or JSON objects, one per line, a JSON list or CSV, see docs/cli.md; - reads stdin.",
    ),
]
Form = Annotated[
    Format | None,
    typer.Option("--format", help="Format of --file; default: by its suffix (.jsonl, .json, .csv), otherwise text."),
]
KeyPrefix = Annotated[
    str | None,
    typer.Option(
        metavar="PREFIX",
        help="For --file: PREFIX and the line number are the idempotency key, so sending the file twice sends it once.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait for the answer and print it; with --file all answers, as JSON Lines.")
]
Stream = Annotated[bool, typer.Option("--stream", help="Print the answer as it is written.")]
JobId = Annotated[str | None, typer.Option("--id", metavar="ID", help="Id of the new job.")]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="Submitting the same key again returns the same job while it is kept.")
]
Delay = Annotated[
    str | None,
    typer.Option("--in", metavar="DELAY", help="Delay before the job may start, e.g. 90s, 10m, 1h30m or 2d."),
]
At = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Earliest start, e.g. 2026-11-26T09:00; default time zone: this machine's."),
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Maximum length of the answer, in tokens.")]
Temperature = Annotated[
    float | None, typer.Option(min=0, max=2, help="Sampling temperature; 0 is the most deterministic.")
]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="The system message.")]
JsonOutput = Annotated[
    options.Output | None, typer.Option("--output", "-o", help="json: print the job as one document.")
]


def submit(  # noqa: PLR0913 - a command's options
    prompt: Prompt = None,
    *,
    workload: options.WorkloadName = None,
    file: File = None,
    wait: Wait = False,
    stream: Stream = False,
    job_id: JobId = None,
    idempotency_key: Key = None,
    form: Form = None,
    key_prefix: KeyPrefix = None,
    delay: Delay = None,
    at: At = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    system: System = None,
    output: JsonOutput = None,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Send a prompt, or a file of them. Prints the jobs' ids, or with --wait or --stream the answer.

    A file is sent in steps of 500 jobs, each step all or nothing; if one fails, stderr says where to continue.

    $ greenscale submit --stream "Why is the sky blue?"

    $ greenscale submit - < prompt.txt

    $ greenscale submit --in 10m --idempotency-key order-7 "Write the summary of order 7."

    $ greenscale submit --file prompts.jsonl --wait > answers.jsonl

    $ greenscale submit --file tonight.csv --at 2026-11-26T01:00 --key-prefix tonight-
    """
    parameters = Parameters(max_tokens, temperature, system)
    with errors_reported():
        delay_seconds, moment = _due_time(delay, at)
        if file is not None:
            alone = {"a PROMPT": prompt, "--id": job_id, "--idempotency-key": idempotency_key}
            _refuse({**alone, "--stream": stream or None, "-o": output}, "--file sends many prompts")
            from greenscale_cli.send_file import Source, send_file  # noqa: PLC0415
            from greenscale_jobs.sending import Terms  # noqa: PLC0415

            with open_client(redis, run_dir, workload, sends=True) as client:
                _warn_of_eviction(client)
                terms = Terms(delay_seconds, moment, key_prefix)
                raise typer.Exit(send_file(client, Source(file, form), parameters, terms, wait=wait))
        _refuse({"--format": form, "--key-prefix": key_prefix}, "one prompt is sent")
        as_json = output is options.Output.JSON
        if as_json and stream:
            raise CommandError("-o json prints one document and cannot be combined with --stream", Exit.USAGE)
        text = _stdin() if prompt in {None, "-"} else prompt
        with open_client(redis, run_dir, workload, sends=True) as client:
            job_id = _send(
                lambda: client.submit(
                    text or "",
                    job_id=job_id,
                    parameters=parameters,
                    idempotency_key=idempotency_key,
                    delay_seconds=delay_seconds,
                    at=moment,
                )
            )
            _warn_of_eviction(client)
            if wait or stream:
                from greenscale_cli.answering import answer  # noqa: PLC0415

                raise typer.Exit(answer(client, job_id, stream=stream, as_json=as_json))
            _print_sent(client, job_id, as_json=as_json)


def _send(submit: Callable[[], str]) -> str:
    """Send one prompt and return its job's id, which is not lost at Ctrl-C either."""
    job_id = ""
    try:
        with ctrl_c_later():
            job_id = submit()
    except KeyboardInterrupt:
        raise CommandError(f"job {job_id} is in the queue", Exit.INTERRUPTED) from None
    return job_id


def _warn_of_eviction(client: JobClient) -> None:
    # If Redis is unavailable, the submission itself reports it.
    with contextlib.suppress(QueueError):
        if danger := client.eviction_danger():
            tell(f"warning: Redis at {client.address} {danger}")


def _refuse(options_given: dict[str, object | None], why: str) -> None:
    conflicting = [name for name, value in options_given.items() if value is not None]
    if conflicting:
        raise CommandError(f"{why}: {', '.join(conflicting)} cannot be combined with it", Exit.USAGE)


def _due_time(delay: str | None, at: str | None) -> tuple[float, dt.datetime | None]:
    """Return the delay in seconds, or the time, at which a job may start."""
    if delay is not None and at is not None:
        raise CommandError("use --in or --at, not both", Exit.USAGE)
    if at is None:
        return (0 if delay is None else seconds_of(delay)), None
    moment, notice = moment_of(at, now=dt.datetime.now(dt.UTC))
    if notice:
        tell(notice)
    return 0, moment


def _stdin() -> str:
    if sys.stdin.isatty():
        print("Type a prompt, then Ctrl-D:", file=sys.stderr)  # noqa: T201
    raw = sys.stdin.buffer.read(MAX_PROMPT_BYTES + 1)
    if len(raw) > MAX_PROMPT_BYTES:
        raise CommandError(f"the prompt exceeds the limit of {MAX_PROMPT_BYTES} bytes", Exit.USAGE)
    try:
        encoding = encoding_of(raw)
        if encoding not in WIDE:
            check_block(raw, line=1)
        return raw.decode(encoding)
    except RefusedFile as error:
        raise CommandError(f"stdin {error}", Exit.USAGE) from None
    except UnicodeDecodeError as error:
        raise CommandError(
            f"stdin is not UTF-8 (byte {error.start}): convert it, for example with iconv", Exit.USAGE
        ) from None


def _print_sent(client: JobClient, job_id: str, *, as_json: bool) -> None:
    try:
        if as_json:
            from greenscale_cli.tables import show_json  # noqa: PLC0415

            show_json(document(client.job(job_id)))
        else:
            print(job_id, flush=True)  # noqa: T201
    except OutputLost as lost:
        raise CommandError(f"{lost}; job {job_id} is in the queue", Exit.OUTPUT) from None
