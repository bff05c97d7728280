"""A conversation: the turns that go with the next prompt.

Pure.
"""

from greenscale_jobs import Job, JobState, Turn

Turns = tuple[Turn, ...]


def turns_so_far(job: Job) -> Turns:
    """Return a conversation up to a job's answer; an unanswered prompt is left out, as models expect pairs of turns."""
    if job.state is not JobState.DONE or job.prompt is None or job.result is None:
        return job.history
    return (*job.history, Turn("user", job.prompt), Turn("assistant", job.result))
