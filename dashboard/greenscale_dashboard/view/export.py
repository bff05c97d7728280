"""All jobs that a filter matches as one file: CSV for spreadsheets, JSON lines for programs."""

import codecs
import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator

import msgspec

from greenscale_dashboard.view.listing import BEGINNING, Filter, Place, find
from greenscale_jobs import Job, JobClient
from greenscale_jobs.document import document, moment

PAGE = 200
"""Jobs that are read at once: each may have an answer of 1 MiB."""

MAX_BYTES = 256 * 1024 * 1024
"""Streamlit keeps a file in memory until its viewer leaves."""

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the wide ones too
"""A cell that begins with one of these is a formula to some spreadsheet: it could send away what stands beside it."""

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
    """Return a foreign text as a cell that no spreadsheet calculates."""
    return f"'{text}" if text and text.startswith(FORMULA) else text or ""


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Return rows as lines of CSV."""
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _cells(job: Job) -> Iterator[str | int]:
    usage = job.outcome.usage if job.outcome else None
    told = (
        *(job.id, job.state.value, moment(job.submitted_at), moment(job.claimed_at), moment(job.finished_at)),
        *(job.attempts, job.worker, job.outcome.model if job.outcome else None),
        *((usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)),
        *(job.prompt, job.result),
        *((job.error.reason, job.error.message) if job.error else (None, None)),
    )
    return (value if isinstance(value, int) else cell(value) for value in told)


@dataclasses.dataclass(frozen=True)
class Form:
    """How jobs are written down."""

    suffix: str
    mime: str
    head: bytes
    lines: Callable[[Iterable[Job]], bytes]


FORMS = {
    "CSV": Form(
        suffix="csv",
        mime="text/csv",
        head=codecs.BOM_UTF8 + csv_lines([COLUMNS]),  # by the mark spreadsheets know that it is UTF-8
        lines=lambda jobs: csv_lines(_cells(job) for job in jobs),
    ),
    "JSON lines": Form(
        suffix="jsonl",
        mime="application/jsonl",
        head=b"",
        lines=lambda jobs: b"".join(msgspec.json.encode(document(job)) + b"\n" for job in jobs),
    ),
}


@dataclasses.dataclass(frozen=True)
class Export:
    """A file of jobs, and what is in it."""

    content: bytes = dataclasses.field(repr=False)
    jobs: int
    whole: bool
    """Whether it has all that the filter matches; else it had grown to MAX_BYTES."""


def export(
    client: JobClient, wanted: Filter, form: Form, *, told: Callable[[Place], None], most_bytes: int = MAX_BYTES
) -> Export:
    """Read all jobs that a filter matches, page by page; `told` hears after each how far it is."""
    content, found = io.BytesIO(), 0
    place: Place | None = BEGINNING
    content.write(form.head)
    while place is not None:
        sheet = find(client, wanted, place, limit=PAGE)
        content.write(form.lines(sheet.jobs))
        place, found = sheet.goes_on, sheet.begins.found + len(sheet.jobs)
        if place is not None:
            told(place)
            if content.tell() > most_bytes:
                break
    return Export(content.getvalue(), found, whole=place is None)
