"""Waits for many jobs at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from greenscale_cli.patience import Patience
from greenscale_jobs import Job, JobClient, JobState, UnknownJob

LOOK_SECONDS = 0.5
"""How soon one looks again when nothing has ended."""

LOOK_AHEAD = 50
"""Jobs are taken in their order: behind so many that wait, the others wait too."""

Numbered = tuple[int, str]
"""The number of a line and the id of its job."""


def collect(
    client: JobClient, jobs: Iterable[Numbered], *, patience: Patience, told: Callable[[], None]
) -> Iterator[tuple[int, str, Job | None]]:
    """Yield line, id and job as each ends; the job is None where its result has expired already.

    `told` is called before each look. Raises QueueUnavailable where Redis stays away.
    """
    left = deque(jobs)
    while left:
        told()
        ended = False
        going_on: list[Numbered] = []
        waiting = 0
        while left and waiting < LOOK_AHEAD:
            number, job_id = left.popleft()
            job = patience.ask(partial(_known, client, job_id))
            if job is None or job.state.final:
                ended = True
                yield number, job_id, job
            else:
                going_on.append((number, job_id))
                waiting = waiting + 1 if job.state is JobState.WAITING else 0
        left.extendleft(reversed(going_on))
        if not ended:
            time.sleep(LOOK_SECONDS)


def _known(client: JobClient, job_id: str) -> Job | None:
    try:
        return client.job(job_id)
    except UnknownJob:
        return None
