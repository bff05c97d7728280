"""Many prompts at once: read from lines, sent in portions, and followed by the queue's numbers."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from greenscale_jobs import DuplicateJob, Item, JobClient, Parameters, QueueFull, QueueUnavailable, Stats, Turn
from greenscale_jobs.prompt_files import BrokenLine, read_prompts

PORTION = 500
"""So many prompts go in one call, all or none of them: Redis is blocked for an instant only."""

PORTION_CHARS = 4 * 1024 * 1024
"""The same for long ones."""


class _Line(msgspec.Struct, omit_defaults=True):
    """What did not go in, as a line of JSON."""

    prompt: str
    parameters: Parameters = Parameters()
    history: tuple[Turn, ...] = ()


@dataclasses.dataclass(frozen=True)
class Broken:
    """A line that cannot be sent."""

    number: int
    """As an editor counts: from 1."""
    why: str


@dataclasses.dataclass
class Batch:
    """Prompts of which some are sent. Nothing is lost: what did not go in is kept here, in its order."""

    items: list[Item]
    broken: list[Broken]
    sent: int = 0
    full: str = ""
    """Why no more goes in now: the queue's own words, or Redis'."""
    in_doubt: int = 0
    """How many went off without an answer: they are there, or they are not."""

    @property
    def left(self) -> int:
        """How many are still to be sent."""
        return len(self.items) - self.sent

    def feed(self, client: JobClient) -> Iterator[None]:
        """Send until all are sent or no more goes in; yields after each portion.

        A portion whose answer was lost is sent again as it was: if its ids exist, it was heard the first time.
        """
        self.full, size = "", PORTION
        while self.left:
            portion = self._portion(self.in_doubt or size)
            try:
                client.submit_many(portion)
            except DuplicateJob:
                pass
            except QueueUnavailable as error:
                self.in_doubt, self.full = len(portion), str(error)
                return
            except QueueFull as error:
                self.in_doubt = 0
                if len(portion) == 1:
                    self.full = str(error).partition(";")[0]  # it goes on that nothing went in: of this one
                    return
                size = len(portion) // 2  # what room there is shall be filled
                continue
            self.in_doubt = 0
            self.sent += len(portion)
            yield

    def _portion(self, size: int) -> Sequence[Item]:
        portion: list[Item] = []
        weight = 0
        for item in self.items[self.sent : self.sent + size]:
            weight += len(item.prompt)
            if portion and weight > PORTION_CHARS:
                break
            portion.append(item)
        return portion

    @property
    def rest(self) -> str:
        """What was not sent, as lines of JSON that can be sent later."""
        lines = (_Line(item.prompt, item.parameters, item.history) for item in self.items[self.sent :])
        return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)


def read_lines(text: str, parameters: Parameters) -> Batch:
    """Read what was typed: one prompt a line, in plain text or as JSON with `prompt` and perhaps `parameters`.

    `parameters` are for what a line does not say. Pure but for the new ids.

    Raises:
        RefusedFile: It is a JSON list, say: nothing of it can be sent.
    """
    return read_file(io.BytesIO(text.encode(errors="surrogateescape")), parameters)


def read_file(file: BinaryIO, parameters: Parameters, *, name: str = "") -> Batch:
    """Read a file of prompts, as `greenscale submit --file` does; raises RefusedFile."""
    items: list[Item] = []
    broken: list[Broken] = []
    for line in read_prompts(file, parameters, name=name).lines:
        if isinstance(line, BrokenLine):
            broken.append(Broken(line.number, line.why))
        elif line.named:
            broken.append(
                Broken(line.number, "an id of one's own is for `greenscale submit --file`: leave it out here")
            )
        else:
            items.append(line.item)
    return Batch(items, broken)


def numbers(client: JobClient) -> Stats:
    """Return the queue's numbers of now: those that all viewers share may be older than what was just sent."""
    return client.stats()


def through(batch: Batch, now: Stats) -> tuple[int, bool]:
    """Return how many of those sent are through, and whether that is exact.

    It is exact once the queue is empty. Until then others' jobs may be among those that are left.
    """
    left = min(batch.sent, now.work + now.delayed)
    return batch.sent - left, left == 0
