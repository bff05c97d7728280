"""`greenscale submit --file`: many prompts, a bar over them, and their answers as JSON lines if one waits."""

import contextlib
import dataclasses
import datetime as dt
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from greenscale_cli.bars import Bar
from greenscale_cli.collecting import Numbered, collect
from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_cli.exits import CommandError, Exit, tell
from greenscale_cli.job_rows import CUT_OFF
from greenscale_cli.patience import Patience
from greenscale_cli.streams import OutputLost
from greenscale_cli.tables import json_line
from greenscale_cli.waiting import exit_of, workload_text, write
from greenscale_jobs import JobClient, Parameters, QueueFull, QueueUnavailable
from greenscale_jobs.document import document
from greenscale_jobs.file_kinds import RefusedFile
from greenscale_jobs.prompt_files import BrokenLine, Format, Line, Prompts, read_prompts
from greenscale_jobs.sending import Sender, Terms

STDIN = Path("-")


@dataclasses.dataclass(frozen=True)
class Source:
    """The file to send, and its format if the caller named one."""

    file: Path
    form: Format | None = None


def send_file(client: JobClient, source: Source, parameters: Parameters, terms: Terms, *, wait: bool) -> Exit:
    """Send the prompts of a file and print their jobs' ids, or with `wait` their answers; return the exit status.

    Raises:
        CommandError: The file cannot be read, or not all of it could be sent; the text says where to go on.
    """
    started = dt.datetime.now(dt.UTC)
    with _opened(source.file) as opened:
        size = None if source.file == STDIN else os.fstat(opened.fileno()).st_size
        prompts = _prompts(opened, source, parameters)
        with Bar("sending", total=size) as bar:

            def show(line: Line | BrokenLine) -> None:
                bar.advance(line.size, text=f"{prompts.unit} {line.number}")
                if isinstance(line, BrokenLine):
                    bar.note(f"greenscale: {prompts.unit} {line.number}: {line.why}")
                elif not wait:
                    print(line.item.id, flush=True)  # noqa: T201

            sender = Sender(prompts.lines, terms, on_line=show)
            full = _send(client, sender, prompts, source.file, started)
    ended = _answers(client, sender.jobs, since=started) if wait else Exit.DONE
    if full:
        raise full
    if sender.refused:
        named = f"the {prompts.unit}s are named above"
        raise CommandError(f"{_are(len(sender.jobs))} in, {_are(len(sender.refused))} not: {named}", Exit.USAGE)
    return ended


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise CommandError(f"--file {file} cannot be read: {error.strerror}", Exit.USAGE) from None
    with opened:
        yield opened


def _prompts(opened: BinaryIO, source: Source, parameters: Parameters) -> Prompts:
    try:
        return read_prompts(opened, parameters, name=source.file.name, form=source.form)
    except RefusedFile as error:
        raise CommandError(f"--file {source.file} {error}", Exit.USAGE) from None
    except OSError as error:
        raise CommandError(f"--file {source.file} cannot be read: {error.strerror}", Exit.USAGE) from None


def _send(client: JobClient, sender: Sender, prompts: Prompts, file: Path, since: dt.datetime) -> CommandError | None:
    """Send all; return the error to end with where the queue became full, and raise any other."""
    so_far, go_on = partial(_so_far, sender, prompts), partial(_go_on, sender, prompts, file)
    try:
        while sender.read_chunk():
            with ctrl_c_later():
                sender.send_chunk(client)
    except QueueFull:
        then = f"When workers have caught up, {go_on()}"
        return CommandError(f"the queue is full (queue.maxLength): {so_far()}. {then}", Exit.UNAVAILABLE)
    except QueueUnavailable as error:
        raise CommandError(
            f"{so_far()}{_unsure(sender, prompts.unit)}: {error} Then {go_on()}", Exit.UNAVAILABLE
        ) from None
    except KeyboardInterrupt:
        raise CommandError(f"{so_far()}; {go_on()}", Exit.INTERRUPTED) from None
    except OutputLost as lost:
        listing = _listing(len(sender.jobs), since)
        raise CommandError(f"{lost}: {so_far()}; see them with `{listing}`; {go_on()}", Exit.OUTPUT) from None
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "its encoding is broken"
        raise CommandError(f"{so_far()}; --file {file} cannot be read any more: {why}", Exit.USAGE) from None
    return None


def _so_far(sender: Sender, prompts: Prompts) -> str:
    return f"{_are(len(sender.jobs))} in, {prompts.unit} {sender.goes_on_at} and what follows is not"


def _unsure(sender: Sender, unit: str) -> str:
    if not sender.unsure or sender.terms.key_prefix is not None:
        return ""
    first, last = sender.unsure[0], sender.unsure[-1]
    known = f"they are if `greenscale jobs show {first.item.id}` knows that job"
    return (
        f" ({unit}s {first.number} to {last.number} may be in, all or none: {known}, then go on at {last.number + 1})"
    )


def _go_on(sender: Sender, prompts: Prompts, file: Path) -> str:
    """Return the command that sends the rest, or where to go on."""
    first = sender.goes_on_at
    if sender.terms.key_prefix is not None:
        return "go on with the same command: with its --key-prefix nothing is sent twice"
    if file == STDIN:
        return f"go on at {prompts.unit} {first}"
    path = shlex.quote(str(file))
    match prompts.format:
        case Format.JSON:
            rest, form = f"jq -c '.[{first - 1}:][]' {path}", " --format jsonl"
        case Format.CSV:
            rest, form = f"(head -n 1 {path}; tail -n +{first} {path})", " --format csv"
        case Format.JSONL:
            rest, form = f"tail -n +{first} {path}", " --format jsonl"
        case Format.TEXT:
            rest, form = f"tail -n +{first} {path}", ""
    return f"go on with: {rest} | greenscale submit --file -{form}"


def _are(count: int) -> str:
    return "1 prompt is" if count == 1 else f"{count} prompts are"


def _answers(client: JobClient, jobs: Sequence[Numbered], *, since: dt.datetime) -> Exit:
    """Print a JSON line for each job as it ends, and return what came of them all."""
    ends: list[Exit] = []
    cut_off = 0
    with Bar("answered", total=len(jobs)) as bar:
        what = f"job {jobs[0][1]}" if len(jobs) == 1 else f"{len(jobs)} jobs"
        patience = Patience(what, show=lambda text: bar.advance(0, text=text))

        def show_workload() -> None:
            bar.advance(0, text=patience.ask(lambda: workload_text(client)))

        try:
            for number, job_id, job in collect(client, jobs, patience=patience, before_poll=show_workload):
                ends.append(exit_of(job) if job else Exit.UNKNOWN)
                cut_off += bool(job and job.outcome and job.outcome.cut_off)
                write(json_line({"line": number, **(document(job) if job else {"id": job_id})}))
                bar.advance()
        except KeyboardInterrupt:
            raise CommandError(_others_go_on(len(ends), len(jobs), since), Exit.INTERRUPTED) from None
        except QueueUnavailable as error:
            raise CommandError(f"{error} {_others_go_on(len(ends), len(jobs), since)}", Exit.UNAVAILABLE) from None
        except OutputLost as lost:
            raise CommandError(f"{lost}; {_others_go_on(len(ends), len(jobs), since)}", Exit.OUTPUT) from None
    if cut_off:
        tell(f"{cut_off} of {len(jobs)} answers were cut off {CUT_OFF}")
    return next((end for end in (Exit.FAILED, Exit.UNKNOWN, Exit.CANCELLED) if end in ends), Exit.DONE)


def _others_go_on(ended: int, count: int, since: dt.datetime) -> str:
    return f"{ended} of {count} jobs have ended, the others go on: see them with `{_listing(count, since)}`"


def _listing(count: int, since: dt.datetime) -> str:
    # A minute earlier: Redis has a clock of its own.
    start = (since - dt.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%MZ")
    return f"greenscale jobs list --since {start} --limit {count} -o jsonl"
