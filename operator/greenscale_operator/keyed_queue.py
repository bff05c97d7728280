"""Work by key: each key once at a time, again if it was asked for meanwhile, with a growing wait after failures."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from greenscale_operator.errors import Passing
from greenscale_operator.logs import fields

K = TypeVar("K")

CONCURRENCY = 32
"""Keys worked on at once: enough to hide the API server's latency, few enough not to be throttled."""

URGENT_CONCURRENCY = 8
"""Keys beside them that somebody waits for: they do not queue behind a thousand that are only reconciled again."""

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.2, 60.0

logger = logging.getLogger(__name__)


class KeyedQueue(Generic[K]):
    """Calls `work` for keys. It returns in how many seconds to be called again; None is when somebody asks."""

    def __init__(self, work: Callable[[K], Awaitable[float | None]], *, concurrency: int = CONCURRENCY) -> None:
        self._work = work
        self._slots = asyncio.Semaphore(concurrency)
        self._urgent_slots = asyncio.Semaphore(URGENT_CONCURRENCY)
        self._waiting: dict[K, float] = {}
        self._running: set[K] = set()
        self._again: dict[K, bool] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def oldest_seconds(self) -> float:
        """How long the key that waits longest has waited for its turn."""
        return time.monotonic() - min(self._waiting.values(), default=time.monotonic())

    def add(self, key: K, *, urgent: bool = False) -> None:
        """Ask for a key to be worked on as soon as can be; an urgent one does not wait for those that are not."""
        self._cancel_timer(key)
        if key in self._running:
            self._again[key] = urgent or self._again.get(key, False)
        elif key not in self._waiting:
            self._waiting[key] = time.monotonic()
            task = asyncio.get_running_loop().create_task(
                self._turn(key, self._urgent_slots if urgent else self._slots)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def add_in(self, key: K, seconds: float) -> None:
        """Ask for a key to be worked on in so many seconds, or sooner if somebody else asks."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is None or timer.when() > loop.time() + seconds:
            self._cancel_timer(key)
            self._timers[key] = loop.call_later(seconds, self.add, key)

    def forget(self, key: K) -> None:
        """Drop what is planned for a key."""
        self._cancel_timer(key)
        self._again.pop(key, None)
        self._failures.pop(key, None)

    async def aclose(self) -> None:
        """Plan nothing more and wait for what runs."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _turn(self, key: K, slots: asyncio.Semaphore) -> None:
        async with slots:
            self._running.add(key)
            del self._waiting[key]
            try:
                seconds = await self._work(key)
                self._failures.pop(key, None)
            except Passing as error:
                seconds = self._backoff(key)
                logger.info("reconcile_again", extra=fields(workload=key, error=error, again_seconds=round(seconds, 1)))
            except Exception:
                seconds = self._backoff(key)
                logger.exception("reconcile_failed", extra=fields(workload=key, again_seconds=round(seconds, 1)))
            finally:
                self._running.discard(key)
        if key in self._again:
            self.add(key, urgent=self._again.pop(key))
        elif seconds is not None:
            self.add_in(key, seconds)

    def _backoff(self, key: K) -> float:
        self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** self._failures[key])
        return random.uniform(longest / 2, longest)  # noqa: S311

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
