"""Work by key: each key once at a time, again if it was asked for meanwhile, with a growing wait after failures."""

import asyncio
import enum
import logging
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from greenscale_operator.errors import Passing
from greenscale_operator.logs import fields

K = TypeVar("K")


class Priority(enum.IntEnum):
    """How soon a key should have its turn. Each has slots of its own, so none waits behind another's thousands."""

    URGENT = 0
    """Somebody waits for it."""
    NORMAL = 1
    """Something has changed."""
    BACKGROUND = 2
    """Nothing is known to have changed."""


SLOTS = {Priority.URGENT: 8, Priority.NORMAL: 32, Priority.BACKGROUND: 4}
"""Keys worked on at once: enough to hide the API server's latency, few enough not to be throttled.

Of those in the background few, since all share one event loop: it must stay free for what comes meanwhile.
"""

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.2, 60.0

logger = logging.getLogger(__name__)


class KeyedQueue(Generic[K]):
    """Calls `work` for keys. It returns in how many seconds to be called again; None is when somebody asks."""

    def __init__(self, work: Callable[[K], Awaitable[float | None]], *, slots: Mapping[Priority, int] = SLOTS) -> None:
        self._work = work
        self._slots = slots
        self._taken: Counter[Priority] = Counter()
        self._waiting: dict[Priority, OrderedDict[K, float]] = {priority: OrderedDict() for priority in Priority}
        """Since when, in monotonic seconds."""
        self._running: set[K] = set()
        self._again: dict[K, Priority] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def oldest_seconds(self) -> float:
        """How long the key that waits longest has waited for its turn."""
        now = time.monotonic()
        return now - min((since for keys in self._waiting.values() for since in keys.values()), default=now)

    def add(self, key: K, priority: Priority = Priority.NORMAL) -> None:
        """Ask for a key to be worked on as soon as can be; of two priorities it gets the higher one."""
        self._cancel_timer(key)
        if key in self._running:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        before = next((one for one in Priority if key in self._waiting[one]), None)
        if before is not None and before <= priority:
            return
        self._waiting[priority][key] = time.monotonic() if before is None else self._waiting[before].pop(key)
        self._fill(priority)

    def add_in(self, key: K, seconds: float, priority: Priority = Priority.NORMAL) -> None:
        """Ask for a key to be worked on in so many seconds, or sooner if somebody else asks."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is None or timer.when() > loop.time() + seconds:
            self._cancel_timer(key)
            self._timers[key] = loop.call_later(seconds, self.add, key, priority)

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
        self._again.clear()
        for waiting in self._waiting.values():
            waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fill(self, priority: Priority) -> None:
        """Give the free slots to those that have waited longest."""
        waiting = self._waiting[priority]
        while waiting and self._taken[priority] < self._slots[priority]:
            key, _ = waiting.popitem(last=False)
            self._taken[priority] += 1
            self._running.add(key)
            task = asyncio.get_running_loop().create_task(self._turn(key, priority))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _turn(self, key: K, priority: Priority) -> None:
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
            self._taken[priority] -= 1
        if key in self._again:
            self.add(key, self._again.pop(key))
        elif seconds is not None:
            self.add_in(key, seconds)
        self._fill(priority)

    def _backoff(self, key: K) -> float:
        self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** self._failures[key])
        return random.uniform(longest / 2, longest)  # noqa: S311

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
