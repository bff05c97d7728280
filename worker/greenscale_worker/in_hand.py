"""The jobs that a worker holds: how many there are, how large their answers are, and who waits for a free slot."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from greenscale_worker.running import Running

MAX_BYTES_IN_HAND = 256 * 1024 * 1024
"""What the answers of all jobs in hand may take: beyond it nothing is claimed."""


class InHand:
    """One worker's jobs, from their claim until the queue has them back. `on_full` is called when no more may come."""

    def __init__(self, *, on_full: Callable[[], None]) -> None:
        self._jobs: dict[tuple[str, str], Running] = {}
        self._bytes = 0
        self._on_full = on_full
        self._slot_freed = asyncio.Event()
        self.some = asyncio.Event()
        """Set when a job comes; whoever finds none clears it."""
        self.piece = asyncio.Event()
        """Set when a piece of an answer comes; whoever takes the pieces clears it."""

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self._jobs)

    def __iter__(self) -> Iterator[Running]:
        """Give them; to await anything in between, take a list."""
        return iter(self._jobs.values())

    def __contains__(self, job: Running) -> bool:
        """Say whether this one is still in hand."""
        return job.key in self._jobs

    def add(self, job: Running) -> None:
        """Take a job."""
        self._jobs[job.key] = job
        self.some.set()

    def take_piece(self, size: int) -> None:
        """Note that so many bytes of an answer came."""
        self.piece.set()
        self._bytes += size
        if self._bytes > MAX_BYTES_IN_HAND >= self._bytes - size:
            self._on_full()

    def remove(self, job: Running) -> None:
        """Give back the slot of a job that is settled."""
        del self._jobs[job.key]
        self._bytes -= job.answer_bytes
        self._slot_freed.set()

    def free_slots(self, allowed: int) -> int:
        """Return how many jobs may be claimed where so many may be in hand."""
        jobs = self._jobs.values()
        if any(job.claim.alone for job in jobs) or self._bytes > MAX_BYTES_IN_HAND:
            return 0
        return max(0, allowed - len(jobs))

    def wake(self) -> None:
        """End all waiting for a slot."""
        self._slot_freed.set()

    async def wait_for_slot(self, seconds: float, *, unless: asyncio.Event) -> None:
        """Wait until a slot is freed, at most so long, and not at all where `unless` is set."""
        self._slot_freed.clear()
        if not unless.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._slot_freed.wait()

    async def wait_until_empty(self, seconds: float | None = None, *, unless: asyncio.Event | None = None) -> None:
        """Wait until no job is in hand, at most so long, or until `unless` is set and `wake` called."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._jobs and not (unless and unless.is_set()):
                    self._slot_freed.clear()
                    await self._slot_freed.wait()
