"""`greenscale submit --file`: many prompts, a bar over them, and their answers as JSON lines if one waits."""

import contextlib
import datetime as dt
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from greenscale_cli.bars import Bar
from greenscale_cli.batch import Batch
from greenscale_cli.collecting import Numbered, collect
from greenscale_cli.exits import Exit, Fault
from greenscale_cli.lines import BrokenLine, Line, read_lines
from greenscale_cli.patience import Patience
from greenscale_cli.streams import OutputLost
from greenscale_cli.tables import json_line
from greenscale_cli.waiting import exit_of, workload_words, write
from greenscale_jobs import JobClient, Parameters, QueueFull, QueueUnavailable
from greenscale_jobs.document import document

STDIN = Path("-")


def send_file(client: JobClient, file: Path, parameters: Parameters, *, wait: bool) -> Exit:
    """Send the prompts of a file and print their jobs' ids, or with `wait` their answers; return the exit status.

    Raises:
        Fault: The file cannot be read, or not all of it could be sent; the text says where to go on.
    """
    started = dt.datetime.now(dt.UTC)
    with _opened(file) as lines:
        size = None if file == STDIN else os.fstat(lines.fileno()).st_size
        with Bar("sending", total=size) as bar:

            def told(line: Line | BrokenLine) -> None:
                bar.go_on(line.size, words=f"line {line.number}")
                if isinstance(line, BrokenLine):
                    bar.note(f"greenscale: line {line.number}: {line.why}")
                elif not wait:
                    print(line.item.id, flush=True)  # noqa: T201

            batch = Batch(client, told=told)
            full = _send(batch, lines, file, parameters, started)
    ended = _answers(client, batch.jobs, since=started) if wait else Exit.DONE
    if full:
        raise full
    if batch.refused:
        raise Fault(f"{_are(len(batch.jobs))} in, {_are(batch.refused)} not: the lines are named above", Exit.USAGE)
    return ended


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise Fault(f"--file {file} cannot be read: {error.strerror}", Exit.USAGE) from None
    with opened:
        yield opened


def _send(batch: Batch, lines: BinaryIO, file: Path, parameters: Parameters, since: dt.datetime) -> Fault | None:
    """Send all; return what is to be said where the queue became full, and raise what stopped it otherwise."""
    try:
        batch.send(read_lines(lines, parameters, objects_only=file.suffix == ".jsonl"))
    except QueueFull:
        then = f"When workers have caught up, {_go_on(batch, file)}"
        return Fault(f"the queue is full (queue.maxLength): {_so_far(batch)}. {then}", Exit.UNAVAILABLE)
    except QueueUnavailable as error:
        raise Fault(f"{_so_far(batch)}{_unsure(batch)}: {error} Then {_go_on(batch, file)}", Exit.UNAVAILABLE) from None
    except KeyboardInterrupt:
        raise Fault(f"{_so_far(batch)}; {_go_on(batch, file)}", Exit.INTERRUPTED) from None
    except OutputLost as lost:
        seen = _see(len(batch.jobs), since)
        raise Fault(f"{lost}: {_so_far(batch)}; see them with `{seen}`; {_go_on(batch, file)}", Exit.OUTPUT) from None
    except OSError as error:
        raise Fault(f"{_so_far(batch)}; --file {file} cannot be read any more: {error.strerror}", Exit.USAGE) from None
    return None


def _so_far(batch: Batch) -> str:
    return f"{_are(len(batch.jobs))} in, line {batch.goes_on_at} and what follows is not"


def _unsure(batch: Batch) -> str:
    if not batch.unsure:
        return ""
    first, last = batch.unsure[0], batch.unsure[-1]
    known = f"they are if `greenscale jobs show {first.item.id}` knows that job"
    return f" (lines {first.number} to {last.number} may be in, all or none: {known}, then go on at {last.number + 1})"


def _go_on(batch: Batch, file: Path) -> str:
    if file == STDIN:
        return f"go on at line {batch.goes_on_at}"
    path = shlex.quote(str(file))
    return f"go on with: tail -n +{batch.goes_on_at} {path} | greenscale submit --file -"


def _are(count: int) -> str:
    return "1 prompt is" if count == 1 else f"{count} prompts are"


def _answers(client: JobClient, jobs: Sequence[Numbered], *, since: dt.datetime) -> Exit:
    """Print a JSON line for each job as it ends, and return what came of them all."""
    ends: list[Exit] = []
    with Bar("answered", total=len(jobs)) as bar:
        what = f"job {jobs[0][1]}" if len(jobs) == 1 else f"{len(jobs)} jobs"
        patience = Patience(what, show=lambda words: bar.go_on(0, words=words))

        def told() -> None:
            bar.go_on(0, words=patience.ask(lambda: workload_words(client)))

        try:
            for number, job_id, job in collect(client, jobs, patience=patience, told=told):
                ends.append(exit_of(job) if job else Exit.UNKNOWN)
                write(json_line({"line": number, **(document(job) if job else {"id": job_id})}))
                bar.go_on()
        except KeyboardInterrupt:
            raise Fault(_others_go_on(len(ends), len(jobs), since), Exit.INTERRUPTED) from None
        except QueueUnavailable as error:
            raise Fault(f"{error} {_others_go_on(len(ends), len(jobs), since)}", Exit.UNAVAILABLE) from None
        except OutputLost as lost:
            raise Fault(f"{lost}; {_others_go_on(len(ends), len(jobs), since)}", Exit.OUTPUT) from None
    return next((end for end in (Exit.FAILED, Exit.UNKNOWN, Exit.CANCELLED) if end in ends), Exit.DONE)


def _others_go_on(ended: int, count: int, since: dt.datetime) -> str:
    return f"{ended} of {count} jobs have ended, the others go on: see them with `{_see(count, since)}`"


def _see(count: int, since: dt.datetime) -> str:
    # A minute earlier: Redis has a clock of its own.
    start = (since - dt.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%MZ")
    return f"greenscale jobs list --since {start} --limit {count} -o jsonl"
