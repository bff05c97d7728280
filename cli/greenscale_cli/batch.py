"""Many prompts into one queue, chunk by chunk; it is always known which are in."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_jobs import InvalidItem, JobClient, JobRefusedByRedis, KeyReused, QueueFull, QueueUnavailable
from greenscale_jobs.ids import keyed_id
from greenscale_jobs.prompt_files import BrokenLine, Line

CHUNK_LINES = 500
"""Jobs in one call: all of them go in, or none."""

CHUNK_BYTES = 4 * 1024 * 1024
"""A chunk that is as large as this goes at once: Redis is not held up by long prompts."""

Told = Callable[[Line | BrokenLine], None]
"""Told of each line that is dealt with."""


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


class Batch:
    """The lines of one file on their way into a queue. A line that cannot go in is told as broken; the rest goes on.

    A line that is known already, by its own id or its key, is not sent again and counts as in.
    """

    def __init__(self, client: JobClient, terms: Terms, *, told: Told) -> None:
        self._client = client
        self.terms = terms
        self._told = told
        self.jobs: list[tuple[int, str]] = []
        """Number of the line and id of the job of all that are in."""
        self.refused = 0
        self.goes_on_at = 1
        """The first line that is not in: what is before it is in, or was refused."""
        self.unsure: Sequence[Line] = ()
        """The chunk that Redis did not answer to: it is in as a whole, or not at all."""

    def send(self, lines: Iterable[Line | BrokenLine]) -> None:
        """Send all lines.

        Raises:
            QueueFull: There is room no more; `goes_on_at` is the first line that is not in.
            QueueUnavailable: Redis did not answer; `unsure` may be in or not.
            KeyboardInterrupt: Between two chunks; `goes_on_at` says where.
        """
        for chunk in _chunks(self._whole(lines)):
            with ctrl_c_later():
                self._put(chunk)

    def _whole(self, lines: Iterable[Line | BrokenLine]) -> Iterator[Line]:
        """Yield the lines that can run, turning the others away."""
        for line in lines:
            if isinstance(line, BrokenLine):
                self._turn_away(line)
                continue
            try:
                yield self.terms.item_of(line)
            except InvalidItem as error:
                self._turn_away(BrokenLine(line.number, str(error), line.size))

    def _put(self, chunk: Sequence[Line]) -> None:
        try:
            self._client.submit_many(
                [line.item for line in chunk], delay_seconds=self.terms.delay_seconds, at=self.terms.at, again=True
            )
        except (KeyReused, JobRefusedByRedis, QueueFull) as error:
            # Halves find the one that cannot go in, and fill the queue to its last place.
            if len(chunk) > 1:
                self._put(chunk[: len(chunk) // 2])
                self._put(chunk[len(chunk) // 2 :])
                return
            if isinstance(error, QueueFull):
                self.goes_on_at = chunk[0].number
                raise
            self._turn_away(BrokenLine(chunk[0].number, str(error), chunk[0].size))
            self.goes_on_at = chunk[0].number + 1
        except QueueUnavailable:
            self.unsure = chunk
            raise
        else:
            self.jobs += [(line.number, line.item.id) for line in chunk]
            self.goes_on_at = chunk[-1].number + 1
            for line in chunk:
                self._told(line)

    def _turn_away(self, line: BrokenLine) -> None:
        self.refused += 1
        self._told(line)


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += line.size
        if len(chunk) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
