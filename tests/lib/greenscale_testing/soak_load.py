"""The soak's load: a mixture of jobs at a steady rate, and a ledger of what became of each."""

import asyncio
import contextlib
import dataclasses
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import redis.asyncio
import redis.exceptions

from greenscale_jobs import DuplicateJob, JobQueue, QueueUnavailable
from greenscale_jobs.ids import keyed_id

T = TypeVar("T")

KINDS: dict[str, int] = {
    "short": 60,
    "long": 8,
    "in trouble once": 8,
    "in trouble to the end": 3,
    "refused": 4,
    "said twice": 6,
    "for later": 6,
    "cancelled": 5,
    "pushed bare": 4,
}
"""What is submitted, and how often among a hundred or so."""

MALFORMED = (b"\xff\xfe", b'{"prompt": 7}', b'{"prompt"', b"   ")
"""Pushed once at the beginning: they are dead for good."""

AGAIN_SECONDS = 0.05
"""How soon what Redis was not there for is said again."""


def prompt_of(kind: str, number: int, *, max_attempts: int) -> str:
    """Return a prompt that the model `moody` takes for one of its kind; each is another."""
    match kind:
        case "long" | "cancelled":
            return f"slow {number}" + " word" * 12
        case "in trouble once":
            return f"refuse 500 1 {number}"
        case "in trouble to the end":
            return f"refuse 500 {max_attempts} {number}"
        case "refused":
            return f"refuse 400 1 {number}"
        case _:
            return f"say {number}"


@dataclasses.dataclass
class Ledger:
    """What was accepted, and what became of it."""

    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    """Job id -> its kind; a bare text has no id until it was seen to have ended."""
    pushed: set[str] = dataclasses.field(default_factory=set)
    """Bare texts, each another."""
    ended: dict[str, str] = dataclasses.field(default_factory=dict)
    """Job id -> done or cancelled."""
    wrong: list[str] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    """What happened to jobs, by their events and errors."""

    @property
    def missing(self) -> set[str]:
        """The jobs that have not ended yet."""
        return {job_id for job_id in self.kinds if job_id not in self.ended} | self.pushed


async def insist(action: Callable[[], Awaitable[T]]) -> T:
    """Do it again until Redis does it."""
    while True:
        try:
            return await action()
        except QueueUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)


class Load:
    """Submits and cancels jobs; insists while Redis is unavailable."""

    def __init__(self, queue: JobQueue, plain: redis.asyncio.Redis, *, seed: int, max_attempts: int) -> None:
        self.ledger = Ledger()
        self._queue, self._plain = queue, plain
        self._random = random.Random(seed)  # noqa: S311 - a load is no secret
        self._max_attempts = max_attempts
        self._number = 0
        self._later: set[asyncio.Task[None]] = set()

    async def run(self, until: float, *, per_second: float) -> None:
        """Submit at this rate, until that time of the loop's clock; then until what is to be cancelled is."""
        clock = asyncio.get_running_loop().time
        began, sent = clock(), 0
        while clock() < until:
            await self.submit(self._random.choices(list(KINDS), list(KINDS.values()))[0])
            sent += 1
            await asyncio.sleep(max(0, began + sent / per_second - clock()))
        await asyncio.gather(*self._later)

    async def submit(self, kind: str) -> None:
        """Submit another job of this kind."""
        self._number += 1
        number = self._number
        prompt = prompt_of(kind, number, max_attempts=self._max_attempts)
        if kind == "pushed bare":
            await self._push(prompt)
            return
        if kind == "said twice":
            key = f"key-{number}"
            self.ledger.kinds[keyed_id(key)] = kind
            for _ in range(2):
                await insist(partial(self._queue.submit, prompt, idempotency_key=key))
            return
        job_id = f"job-{number}"
        self.ledger.kinds[job_id] = kind
        delay = self._random.uniform(0.5, 4) if kind == "for later" else 0
        with contextlib.suppress(DuplicateJob):  # it was accepted the first time, and only the answer was lost
            await insist(partial(self._queue.submit, prompt, job_id=job_id, delay_seconds=delay))
        if kind == "cancelled":
            task = asyncio.create_task(self._cancel(job_id, self._random.uniform(0, 1)))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _push(self, text: str) -> None:
        """Push as any client may: what gets no answer may have arrived, and comes no second time."""
        self.ledger.pushed.add(text)
        try:
            await self._plain.lpush("jobs", text)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            self.ledger.pushed.discard(text)

    async def _cancel(self, job_id: str, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        await insist(partial(self._queue.cancel, job_id))
