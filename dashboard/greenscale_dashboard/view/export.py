"""All jobs that match a filter as one file: CSV for spreadsheets, JSON Lines for programs."""

import codecs
import csv
import dataclasses
import io
import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from greenscale_dashboard.view.listing import BEGINNING, Filter, Position, find
from greenscale_jobs import Job, JobClient
from greenscale_jobs.document import document, moment

PAGE_JOBS = 200
"""Jobs read at once: each may have an answer of 1 MiB."""

MAX_BYTES = 256 * 1024 * 1024
"""Streamlit keeps a file in memory until its viewer leaves."""

FORMULA = re.compile(r"(?:^(?=[\t\r\n])|(?:^|(?<=[;\t\r\n]))(?=[=+\-@＝＋－＠]))")  # noqa: RUF001 - full-width forms too
"""Where a spreadsheet may see the beginning of a formula, which could send other cells away.

At a cell's beginning, and within it: one that expects semicolons or tabs between cells divides the lines there.
"""

COLUMNS = (
    "id",
    "state",
    "submitted",
    "claimed",
    "finished",
    "attempts",
    "worker",
    "model",
    "prompt tokens",
    "answer tokens",
    "prompt",
    "answer",
    "error",
    "error message",
)


def cell(text: str | None) -> str:
    """Return an untrusted text as a cell that no spreadsheet evaluates."""
    return FORMULA.sub("'", text or "")


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Return rows as lines of CSV."""
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _cells(job: Job) -> Iterator[str | int]:
    usage = job.outcome.usage if job.outcome else None
    values = (
        *(job.id, job.state.value, moment(job.submitted_at), moment(job.claimed_at), moment(job.finished_at)),
        *(job.attempts, job.worker, job.outcome.model if job.outcome else None),
        *((usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)),
        *(job.prompt, job.result),
        *((job.error.reason, job.error.message) if job.error else (None, None)),
    )
    return (value if isinstance(value, int) else cell(value) for value in values)


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """How jobs are written to a file."""

    suffix: str
    mime: str
    head: bytes
    lines: Callable[[Iterable[Job]], bytes]


FORMATS = {
    "CSV": FileFormat(
        suffix="csv",
        mime="text/csv",
        head=codecs.BOM_UTF8 + csv_lines([COLUMNS]),  # the byte order mark tells spreadsheets that it is UTF-8
        lines=lambda jobs: csv_lines(_cells(job) for job in jobs),
    ),
    "JSON Lines": FileFormat(
        suffix="jsonl",
        mime="application/jsonl",
        head=b"",
        lines=lambda jobs: b"".join(msgspec.json.encode(document(job)) + b"\n" for job in jobs),
    ),
}


@dataclasses.dataclass(frozen=True)
class Export:
    """A file of jobs."""

    content: bytes = dataclasses.field(repr=False)
    jobs: int
    complete: bool
    """Whether it has all jobs that match; otherwise it reached the size limit."""


def export(
    client: JobClient,
    wanted: Filter,
    file_format: FileFormat,
    *,
    on_page: Callable[[Position], None],
    max_bytes: int = MAX_BYTES,
) -> Export:
    """Read all jobs that match a filter, page by page; `on_page` is called after each with the position reached."""
    content, found = io.BytesIO(), 0
    position: Position | None = BEGINNING
    content.write(file_format.head)
    while position is not None:
        page = find(client, wanted, position, limit=PAGE_JOBS)
        content.write(file_format.lines(page.jobs))
        position, found = page.next, page.start.found + len(page.jobs)
        if position is not None:
            on_page(position)
            if content.tell() > max_bytes:
                break
    return Export(content.getvalue(), found, complete=position is None)
