"""Waits for one job and prints its answer: `greenscale submit --wait` and `greenscale jobs wait`."""

from greenscale_cli.exits import CommandError, Exit, tell
from greenscale_cli.job_rows import CUT_OFF
from greenscale_cli.streams import OutputLost
from greenscale_cli.tables import show_json
from greenscale_cli.waiting import exit_of, follow, write
from greenscale_jobs import Job, JobClient, JobState, QueueUnavailable
from greenscale_jobs.document import document


def answer(client: JobClient, job_id: str, *, stream: bool, as_json: bool) -> Exit:
    """Wait until a job is final, print its answer and return the exit status.

    Raises:
        CommandError: There is no answer; the text says why, and how to return to the job.
    """
    if stream and as_json:
        raise CommandError("-o json prints one document and cannot be combined with --stream", Exit.USAGE)
    again = f"wait for it with `greenscale jobs wait {job_id}`"
    try:
        job = follow(client, job_id, stream=stream)
        _print(job, stream=stream, as_json=as_json)
    except OutputLost as lost:
        raise CommandError(f"{lost}; job {job_id} is still in the queue: {again}", Exit.OUTPUT) from None
    except KeyboardInterrupt:
        end = f"cancel it with `greenscale jobs cancel {job_id}`"
        raise CommandError(f"job {job_id} is not cancelled; {again}, {end}", Exit.INTERRUPTED) from None
    except QueueUnavailable as error:
        raise CommandError(f"{error} Job {job_id} is still in the queue: {again}", Exit.UNAVAILABLE) from None
    if job.state is not JobState.DONE and not as_json:
        raise CommandError(_why(job), exit_of(job))
    if job.outcome and job.outcome.cut_off:
        tell(f"the answer was cut off {CUT_OFF}")
    return exit_of(job)


def _print(job: Job, *, stream: bool, as_json: bool) -> None:
    if as_json:
        show_json(document(job))
    elif job.state is JobState.DONE and not stream:
        write((job.result or "") + "\n")


def _why(job: Job) -> str:
    if job.state is JobState.CANCELLED:
        return f"job {job.id} was cancelled"
    reason = f"{job.error.reason}: {job.error.message}" if job.error else "unknown reason"
    attempts = "1 attempt" if job.attempts == 1 else f"{job.attempts} attempts"
    return f"job {job.id} failed after {attempts}: {reason}. Retry: greenscale jobs retry {job.id}"
