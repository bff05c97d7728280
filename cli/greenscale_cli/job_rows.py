"""A job as a row of a list, and its life as rows of its own. Pure."""

from greenscale_cli.formatting import duration, excerpt, harmless
from greenscale_jobs import Job, JobState, UnchargedTries
from greenscale_jobs.document import moment

STRAY = "lies in no list, so no worker finds it; `greenscale jobs retry {id}` puts it back"

CUT_OFF = "at maxTokens: a higher --max-tokens or engine.parameters.maxTokens gives a longer answer"

LIST_COLUMNS = ("ID", "STATE", "AGE", "PROMPT", "ANSWER OR ERROR")


def list_row(job: Job, *, now: float) -> tuple[str, ...]:
    """Return a job's row of the list."""
    age = duration(None if job.submitted_at is None else now - job.submitted_at)
    return job.id or "(no id yet)", job.state.value, age, excerpt(job.prompt), _last(job)


def _last(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    failure = job.last_failure
    return f"{failure.reason}: {excerpt(failure.message, 100)}" if failure else ""


def life_of(job: Job) -> list[tuple[str, str]]:
    """Return what is known of a job, by its order: what, and how it was."""
    turns = "1 turn before the prompt" if len(job.history) == 1 else f"{len(job.history)} turns before the prompt"
    rows: list[tuple[str, str | None]] = [
        ("id", job.id),
        ("state", job.state.value + (" (is being cancelled)" if job.cancelling else "")),
        ("stray", STRAY.format(id=job.id) if job.stray else None),
        ("suspect", "runs alone: it was there each time that an engine or worker was lost" if job.suspect else None),
        ("history", turns if job.history else None),
        ("prompt", job.prompt and harmless(job.prompt)),
        ("cannot be read", job.unread),
        ("submitted", moment(job.submitted_at) or "not known: another client pushed it"),
        ("claimed", moment(job.claimed_at)),
        ("due again" if job.attempts else "due", moment(job.due_at) if job.state is JobState.DELAYED else None),
        ("first token", moment(job.outcome.first_token_at) if job.outcome else None),
        ("finished", moment(job.finished_at)),
        ("worker", job.worker),
        ("attempts", str(job.attempts)),
        *((f"attempt {error.attempt}", f"{error.reason}: {harmless(error.message)}") for error in job.errors),
        ("uncharged", _uncharged(job.uncharged) if job.uncharged else None),
        ("losses", f"was there when an engine or worker was lost ({job.losses})" if job.losses else None),
        ("lost alone", f"was alone when an engine or worker was lost ({job.lost_alone})" if job.lost_alone else None),
        ("answer", job.result and harmless(job.result)),
        ("cut off", CUT_OFF if job.outcome and job.outcome.cut_off else None),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _uncharged(tries: UnchargedTries) -> str:
    times = "once" if tries.count == 1 else f"{tries.count} times"
    why = f"{tries.reason}: {harmless(tries.message)}"
    return f"tried {times} without charge since {moment(tries.first_at)}, last {moment(tries.last_at)}: {why}"
