"""Waits for many jobs at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from greenscale_jobs import Job, JobClient, JobState, QueueUnavailable, UnknownJob

LOOK_SECONDS = 0.5
"""How soon one looks again when nothing has ended."""

LOOK_AHEAD = 50
"""Jobs are taken in their order: behind so many that wait, the others wait too."""

Numbered = tuple[int, str]
"""The number of a line and the id of its job."""


def collect(
    client: JobClient, jobs: Iterable[Numbered], *, told: Callable[[QueueUnavailable | None], None]
) -> Iterator[tuple[int, str, Job | None]]:
    """Yield line, id and job as each ends; the job is None where its result has expired already.

    `told` is called before each look, with what kept Redis from answering the last one: it is asked again.
    """
    left = deque(jobs)
    trouble: QueueUnavailable | None = None
    while left:
        told(trouble)
        trouble, ended = None, False
        going_on: list[Numbered] = []
        waiting = 0
        try:
            while left and waiting < LOOK_AHEAD:
                number, job_id = left[0]
                job = _known(client, job_id)
                left.popleft()
                if job is None or job.state.final:
                    ended = True
                    yield number, job_id, job
                else:
                    going_on.append((number, job_id))
                    waiting = waiting + 1 if job.state is JobState.WAITING else 0
        except QueueUnavailable as error:
            trouble = error
        left.extendleft(reversed(going_on))
        if not ended:
            time.sleep(LOOK_SECONDS)


def _known(client: JobClient, job_id: str) -> Job | None:
    try:
        return client.job(job_id)
    except UnknownJob:
        return None
