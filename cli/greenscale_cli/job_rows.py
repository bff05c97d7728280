"""A job as a row of a list, and as a list of its fields. Pure."""

from greenscale_cli.formatting import age, excerpt, harmless
from greenscale_jobs import Job, JobState, UnchargedTries
from greenscale_jobs.document import moment

STRAY = "it is in no list, so no worker can claim it; `greenscale jobs retry {id}` puts it back"

CUT_OFF = "at maxTokens: raise --max-tokens or engine.parameters.maxTokens for a longer answer"

LIST_COLUMNS = ("ID", "STATE", "AGE", "PROMPT", "ANSWER OR ERROR")


def list_row(job: Job, *, now: float) -> tuple[str, ...]:
    """Return a job's row in the list."""
    submitted = age(job.submitted_at, now=now)
    return job.id or "(no id yet)", job.state.value, submitted, excerpt(job.prompt), _answer_or_error(job)


def _answer_or_error(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    failure = job.last_failure
    return f"{failure.reason}: {excerpt(failure.message, 100)}" if failure else ""


def fields_of(job: Job) -> list[tuple[str, str]]:
    """Return name and value of what is known about a job, in order."""
    turns = "1 earlier turn" if len(job.history) == 1 else f"{len(job.history)} earlier turns"
    rows: list[tuple[str, str | None]] = [
        ("id", job.id),
        ("state", job.state.value + (" (being cancelled)" if job.cancelling else "")),
        ("stray", STRAY.format(id=job.id) if job.stray else None),
        (
            "suspect",
            "runs alone, because it was running each time that an engine or worker was lost" if job.suspect else None,
        ),
        ("history", turns if job.history else None),
        ("prompt", job.prompt and harmless(job.prompt)),
        ("unreadable", job.unread),
        ("submitted", moment(job.submitted_at) or "unknown: pushed by another client"),
        ("claimed", moment(job.claimed_at)),
        ("due again" if job.attempts else "due", moment(job.due_at) if job.state is JobState.DELAYED else None),
        ("first token", moment(job.outcome.first_token_at) if job.outcome else None),
        ("finished", moment(job.finished_at)),
        ("worker", job.worker),
        ("attempts", str(job.attempts)),
        *((f"attempt {error.attempt}", f"{error.reason}: {harmless(error.message)}") for error in job.errors),
        ("uncharged tries", _uncharged(job.uncharged) if job.uncharged else None),
        ("losses", f"was running when an engine or worker was lost ({_times(job.losses)})" if job.losses else None),
        (
            "lost alone",
            f"was running alone when an engine or worker was lost ({_times(job.lost_alone)})"
            if job.lost_alone
            else None,
        ),
        ("answer", job.result and harmless(job.result)),
        ("cut off", CUT_OFF if job.outcome and job.outcome.cut_off else None),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _uncharged(tries: UnchargedTries) -> str:
    why = f"{tries.reason}: {harmless(tries.message)}"
    return f"{_times(tries.count)} since {moment(tries.first_at)}, most recently {moment(tries.last_at)}: {why}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
