"""A job as a row of a list, and its life as rows of its own. Pure."""

from greenscale_cli.words import duration, excerpt, harmless
from greenscale_jobs import Job, JobState
from greenscale_jobs.document import moment

LIST_COLUMNS = ("ID", "STATE", "AGE", "PROMPT", "ANSWER OR ERROR")


def list_row(job: Job, *, now: float) -> tuple[str, ...]:
    """Return a job's row of the list."""
    age = duration(None if job.submitted_at is None else now - job.submitted_at)
    return job.id or "(no id yet)", job.state.value, age, excerpt(job.prompt), _last(job)


def _last(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    return f"{job.error.reason}: {excerpt(job.error.message, 100)}" if job.error else ""


def life_of(job: Job) -> list[tuple[str, str]]:
    """Return what is known of a job, by its order: what, and how it was."""
    turns = "1 turn before the prompt" if len(job.history) == 1 else f"{len(job.history)} turns before the prompt"
    rows: list[tuple[str, str | None]] = [
        ("id", job.id),
        ("state", job.state.value + (" (is being cancelled)" if job.cancelling else "")),
        ("history", turns if job.history else None),
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
