"""What keeps a queue moving, and what the operator and local mode write about it.

Asyncio only. `fleet` has what concerns many queues at once.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from greenscale_jobs.asyncio_runner import AsyncioQueue
from greenscale_jobs.protocol import Argument, Commands, ignore, read_ids, script, types_of, utf8
from greenscale_jobs.samples import SAMPLES_KEPT, STARTS_KEPT, Sample, sample_fields

MAINTENANCE_BATCH = 100
"""Jobs moved by one run of `maintain`, so that Redis is never blocked for long."""

DELETE_BATCH = 1000
"""Keys scanned in one step of removing a queue."""


class Maintained(msgspec.Struct, frozen=True):
    """How many jobs one run of `maintain` moved, and in how many seconds the next is due."""

    stranded: int
    expired: int
    due: int
    dead: int
    next_in: float | None


class Maintenance(AsyncioQueue):
    """The methods that keep a queue moving."""

    async def maintain(self) -> Maintained:
        """Move on stranded claims, expired leases and due retries."""

        def read(reply: list[Any]) -> Maintained:
            stranded, expired, due, dead, next_in = reply
            return Maintained(stranded, expired, due, dead, float(next_in) if next_in else None)

        return await self._call(script(self.keys, "maintain", (self.limits.max_losses, MAINTENANCE_BATCH), read))

    async def configure(self, *, max_length: int, result_ttl_seconds: int, paused: bool) -> None:
        """Write what the resource says of this queue, for producers and workers."""
        args = (max_length, result_ttl_seconds, int(paused))
        await self._call(script(self.keys, "configure", args, ignore))

    async def recover(self, job_ids: Sequence[str]) -> list[str]:
        """Put back those of these jobs that are not where their records say, if no job waits; return them."""
        args: list[Argument] = [1, *(utf8(job_id) for job_id in job_ids)]
        return await self._call(script(self.keys, "recover", args, read_ids))

    async def delete(self) -> None:
        """Remove the queue and all of its jobs, answered or not; for a workload that is deleted for good."""
        await self._command("UNLINK", *self.keys.types)
        for pattern in self.keys.job_patterns:
            cursor = 0
            while True:
                cursor, found = await self._command("SCAN", cursor, "MATCH", pattern, "COUNT", DELETE_BATCH)
                if found:
                    await self._command("UNLINK", *found)
                if cursor == 0:
                    break
        # Until its record was gone, a search for strays may have put a job back.
        await self._command("UNLINK", *self.keys.types)

    async def sample(self, sample: Sample) -> None:
        """Add a point to the charts, which keep about `SAMPLES_KEPT`; its time is Redis' own."""
        fields = [word for field in sample_fields(sample).items() for word in field]
        await self._command("XADD", self.keys.history, "MAXLEN", "~", SAMPLES_KEPT, "*", *fields)

    async def note_start(self, seconds: float) -> None:
        """Record how long a start from zero took that is over now."""
        await self._command("XADD", self.keys.starts, "MAXLEN", STARTS_KEPT, "*", "seconds", f"{seconds:.3f}")

    async def _command(self, *command: Argument) -> Any:
        """Send one command and return its reply."""
        return await self._call(Commands([command], lambda replies: replies[0], lambda: types_of(self.keys)))
