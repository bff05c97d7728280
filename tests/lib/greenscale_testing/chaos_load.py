"""The chaos soak's load: jobs of every kind, submitted at a rate, and what each ended as."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterator
from functools import partial

from greenscale_jobs import DuplicateJob, Job, JobQueue, JobState, Parameters
from greenscale_testing.chaos_engine import KINDS
from greenscale_testing.chaos_kinds import prompt_of
from greenscale_testing.chaos_verdict import Ended
from greenscale_testing.soak_load import insist

DEADLY = [kind.name for kind in KINDS.values() if kind.apart]

NEWEST = 500
"""Ended jobs looked at in one go: more than can end between two looks."""


class ChaosLoad:
    """Submits, and keeps account of what was submitted and what ended; insists while Redis is unavailable."""

    def __init__(self, queue: JobQueue, *, seed: int) -> None:
        self.jobs: dict[int, str] = {}
        """Job's number -> its kind."""
        self.ended: dict[int, Ended] = {}
        self._queue = queue
        self._random = random.Random(seed)  # noqa: S311 - a load is no secret

    @property
    def missing(self) -> set[int]:
        """The jobs that have not ended yet."""
        return self.jobs.keys() - self.ended.keys()

    async def run(self, until: float, *, per_second: float) -> None:
        """Submit the deadly once, each other kind once, and then as drawn, until that time of the loop's clock."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for kind in DEADLY:
            await self.submit(kind)
        for sent, kind in enumerate(self._kinds(), start=1):
            if clock() >= until:
                return
            await self.submit(kind)
            await asyncio.sleep(max(0, began + sent / per_second - clock()))

    async def submit(self, kind: str) -> None:
        """Submit another job of this kind."""
        number = len(self.jobs) + 1
        self.jobs[number] = kind
        parameters = Parameters(**KINDS[kind].parameters)
        with contextlib.suppress(DuplicateJob):  # it was accepted the first time, and only the answer was lost
            submit = partial(self._queue.submit, prompt_of(kind, number), job_id=f"job-{number}", parameters=parameters)
            await insist(submit)

    async def note_ended(self) -> None:
        """Take note of what has ended; a state that is final stays."""
        for state in (JobState.DONE, JobState.DEAD):
            page = await insist(partial(self._queue.jobs, state, limit=NEWEST))
            for job in page.jobs:
                self._enter(job)

    async def look_at_missing(self) -> None:
        """Look at each job by itself that was not seen to have ended."""
        for number in self.missing:
            job = await insist(partial(self._queue.job, f"job-{number}"))
            if job.state.final:
                self._enter(job)

    def _enter(self, job: Job) -> None:
        number = int(job.id.removeprefix("job-"))
        reason = job.error.reason if job.error else None
        self.ended.setdefault(number, Ended(job.state, job.result, reason))

    def _kinds(self) -> Iterator[str]:
        shares = {kind.name: kind.share for kind in KINDS.values() if kind.share}
        once = self._random.sample(list(shares), len(shares))
        drawn = (self._random.choices(list(shares), list(shares.values()))[0] for _ in itertools.count())
        # What must die is refused for good only where others are done beside it.
        plain = itertools.repeat("plain")
        return itertools.chain(itertools.chain.from_iterable(zip(once, plain, strict=False)), drawn)
