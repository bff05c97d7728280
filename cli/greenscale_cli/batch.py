"""Many prompts into one queue, chunk by chunk; it is always known which are in."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_cli.lines import BrokenLine, Line
from greenscale_jobs import DuplicateJob, JobClient, QueueFull, QueueUnavailable

CHUNK_LINES = 500
"""Jobs in one call: all of them go in, or none."""

CHUNK_BYTES = 4 * 1024 * 1024
"""A chunk that is as large as this goes at once: Redis is not held up by long prompts."""

Told = Callable[[Line | BrokenLine], None]
"""Told of each line that is dealt with."""


class Batch:
    """The lines of one file on their way into a queue. A line that cannot go in is told as broken; the rest goes on."""

    def __init__(self, client: JobClient, *, told: Told) -> None:
        self._client = client
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
            if isinstance(line, Line):
                yield line
            else:
                self._turn_away(line)

    def _put(self, chunk: Sequence[Line]) -> None:
        try:
            self._client.submit_many([line.item for line in chunk])
        except (DuplicateJob, QueueFull) as error:
            # Halves find the one that is known already, and fill the queue to its last place.
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
