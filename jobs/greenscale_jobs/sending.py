"""The prompts of a file into one queue, chunk by chunk, for the command and the page.

It is always known which prompts are in, so that a sender that was stopped goes on without sending one twice. Reads no
file and keeps no connection: both are given.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Sequence

import msgspec

from greenscale_jobs.client import JobClient
from greenscale_jobs.errors import JobRefusedByRedis, KeyReused, QueueFull, QueueUnavailable
from greenscale_jobs.ids import keyed_id
from greenscale_jobs.prompt_files import BrokenLine, Line
from greenscale_jobs.records import InvalidItem

CHUNK_LINES = 500
"""Jobs in one call: all of them go in, or none."""

CHUNK_BYTES = 4 * 1024 * 1024
"""A chunk that is as large as this goes at once: Redis is not held up by long prompts."""


@dataclasses.dataclass(frozen=True)
class Terms:
    """How all jobs of a file are sent."""

    delay_seconds: float = 0
    at: dt.datetime | None = None
    key_prefix: str | None = None
    """With the number of its line it is the idempotency key of a line that has no id of its own."""

    def item_of(self, line: Line) -> Line:
        """Return the line with the id that its job is to have; raises InvalidItem."""
        if self.key_prefix is None or line.named:
            return line
        job_id = keyed_id(f"{self.key_prefix}{line.number}")
        return dataclasses.replace(line, item=msgspec.structs.replace(line.item, id=job_id))


class Sender:
    """The lines of one file on their way into a queue: `read_chunk` and `send_chunk`, in turn, until none is left.

    A line that cannot go in is refused, and the rest goes on. A line that is known already, by its own id or its key,
    is not sent again and counts as in. `on_line` is called with each line that is in or refused.
    """

    def __init__(
        self,
        lines: Iterable[Line | BrokenLine],
        terms: Terms | None = None,
        *,
        on_line: Callable[[Line | BrokenLine], None] | None = None,
    ) -> None:
        self.terms = terms or Terms()
        self._lines = iter(lines)
        self._on_line = on_line
        self._chunk: list[Line] = []
        self.jobs: list[tuple[int, str]] = []
        """Number of the line and id of the job of all that are in."""
        self.refused: list[BrokenLine] = []
        self.goes_on_at = 1
        """The first line that is not in: what is before it is in, or was refused."""
        self.unsure: Sequence[Line] = ()
        """The lines that Redis did not answer to: all of them are in, or none."""

    def read_chunk(self) -> bool:
        """Read lines until a chunk is complete; returns whether there is one to send."""
        size = sum(line.size for line in self._chunk)
        while len(self._chunk) < CHUNK_LINES and size < CHUNK_BYTES:
            line = next(self._lines, None)
            if line is None:
                break
            if isinstance(line, BrokenLine):
                self._refuse(line)
                continue
            try:
                self._chunk.append(self.terms.item_of(line))
            except InvalidItem as error:
                self._refuse(BrokenLine(line.number, str(error), line.size))
            else:
                size += line.size
        return bool(self._chunk)

    def send_chunk(self, client: JobClient) -> None:
        """Send the chunk that was read. After an error it may be called again: it sends what is not in yet.

        Raises:
            QueueFull: There is no more room; `goes_on_at` is the first line that is not in.
            QueueUnavailable: Redis did not answer; `unsure` may be in or not.
        """
        sizes = [len(self._chunk)] if self._chunk else []
        while sizes:
            size = sizes.pop()
            part = self._chunk[:size]
            try:
                client.submit_many(
                    [line.item for line in part], delay_seconds=self.terms.delay_seconds, at=self.terms.at, again=True
                )
            except QueueUnavailable:
                self.unsure = part
                raise
            except (KeyReused, JobRefusedByRedis, QueueFull) as error:
                if size > 1:  # halves find the one that cannot go in, and fill the queue to its last place
                    sizes += [size - size // 2, size // 2]
                    continue
                if isinstance(error, QueueFull):
                    self.goes_on_at = part[0].number
                    raise
                self._settle(part)
                self._refuse(BrokenLine(part[0].number, str(error), part[0].size))
            else:
                self._settle(part)
                self._accept(part)

    def _settle(self, part: Sequence[Line]) -> None:
        del self._chunk[: len(part)]
        self.goes_on_at, self.unsure = part[-1].number + 1, ()

    def _accept(self, part: Sequence[Line]) -> None:
        self.jobs += [(line.number, line.item.id) for line in part]
        for line in part:
            if self._on_line:
                self._on_line(line)

    def _refuse(self, line: BrokenLine) -> None:
        self.refused.append(line)
        if self._on_line:
            self._on_line(line)
