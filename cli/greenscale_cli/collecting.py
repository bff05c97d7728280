"""Waits for many jobs at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from greenscale_cli.patience import Patience
from greenscale_jobs import Job, JobClient, JobState, UnknownJob

POLL_SECONDS = 0.5
"""The pause before the next poll if no job has ended."""

MAX_WAITING_POLLED = 50
"""Jobs run in their order: behind this many waiting jobs, the others wait too and need no poll."""

Numbered = tuple[int, str]
"""Line number and job id."""


def collect(
    client: JobClient, jobs: Iterable[Numbered], *, patience: Patience, before_poll: Callable[[], None]
) -> Iterator[tuple[int, str, Job | None]]:
    """Yield line, id and job as each job ends; the job is None if its result has already expired.

    `before_poll` is called before each poll. Raises QueueUnavailable if Redis stays unavailable.
    """
    left = deque(jobs)
    while left:
        before_poll()
        ended = False
        unfinished: list[Numbered] = []
        waiting = 0
        while left and waiting < MAX_WAITING_POLLED:
            number, job_id = left.popleft()
            job = patience.ask(partial(_known, client, job_id))
            if job is None or job.state.final:
                ended = True
                yield number, job_id, job
            else:
                unfinished.append((number, job_id))
                waiting = waiting + 1 if job.state is JobState.WAITING else 0
        left.extendleft(reversed(unfinished))
        if not ended:
            time.sleep(POLL_SECONDS)


def _known(client: JobClient, job_id: str) -> Job | None:
    try:
        return client.job(job_id)
    except UnknownJob:
        return None
