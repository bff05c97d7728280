"""A conversation: the turns that go with the next prompt.

Pure.
"""

from greenscale_jobs import Job, JobState, Turn

Turns = tuple[Turn, ...]


def so_far(job: Job) -> Turns:
    """Return what was said up to a job's answer; what got no answer is left out, for a model expects turns in pairs."""
    if job.state is not JobState.DONE or job.prompt is None or job.result is None:
        return job.history
    return (*job.history, Turn("user", job.prompt), Turn("assistant", job.result))
