"""How a worker gets through an outage of Redis: how soon it tries again, and what it logs."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from greenscale_jobs import QueueUnavailable
from greenscale_worker.credentials import AccessRefusals
from greenscale_worker.liveness import Pulse
from greenscale_worker.observe import Observer

T = TypeVar("T")

REMIND_SECONDS = 30.0
"""A lasting outage is logged this often, not at every try; a new reason at once, for it may be the one to act on."""

FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.1, 2.0
"""Between two tries of one loop; a lease must outlast several."""

LEAST_WAIT_SECONDS = 0.05
"""The shortest wait: Redis may refuse one loop while it answers the others."""


class Outage:
    """One outage, shared by all loops of a worker: how soon each tries again, and when it is over for all."""

    def __init__(self, observer: Observer, *, refusals: AccessRefusals, pulse: Pulse) -> None:
        self._observer = observer
        self._refusals = refusals
        self._pulse = pulse
        self._since: float | None = None
        self._logged_at = 0.0
        self._logged: set[str] = set()
        self._wait = FIRST_WAIT_SECONDS
        self._back = asyncio.Event()

    def seconds(self, now: float) -> float:
        """Return how long Redis has answered nothing; 0 while it answers."""
        return 0.0 if self._since is None else now - self._since

    def lasting_refusal(self, now: float) -> str | None:
        """Return how Redis refuses this worker, if so lasting that the password or certificate should be read again."""
        return self._refusals.lasting(now)

    def note(self, error: QueueUnavailable) -> float:
        """Take note of a failed try; returns how many seconds to wait before the next."""
        now = time.monotonic()
        self._refusals.note(error, now)
        if self._since is None:
            self._since, self._wait = now, FIRST_WAIT_SECONDS
            self._back.clear()
        if str(error) not in self._logged or now - self._logged_at > REMIND_SECONDS:
            self._logged_at = now
            self._logged.add(str(error))
            self._observer.redis_unavailable(error, for_seconds=now - self._since)
        self._wait = min(MAX_WAIT_SECONDS, self._wait * 1.5)
        return self._wait * random.uniform(0.5, 1)  # noqa: S311

    def over(self) -> None:
        """Take note that Redis answered."""
        self._refusals.answered()
        self._pulse.redis_answered()
        if self._since is not None:
            self._observer.redis_available(after_seconds=time.monotonic() - self._since)
            self._since = None
            self._logged.clear()
            self._back.set()

    async def insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Repeat an action until Redis carries it out: for effects that are fenced, so that repeating does no harm."""
        while True:
            try:
                result = await action()
            except QueueUnavailable as error:
                await self._pause(self.note(error))
            else:
                self.over()
                return result

    async def _pause(self, seconds: float) -> None:
        """Wait about that long, or until another loop has been answered."""
        await asyncio.sleep(LEAST_WAIT_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._back.wait()
        except TimeoutError:
            pass
