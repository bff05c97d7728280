"""Many prompts at once: read from lines or a file, sent by the sender that the command uses, and followed."""

import dataclasses
import io
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from greenscale_jobs import JobClient, Parameters, QueueFull, QueueUnavailable, Stats
from greenscale_jobs.prompt_files import BrokenLine, Line, read_prompts
from greenscale_jobs.sending import Sender


@dataclasses.dataclass
class Batch:
    """Prompts of which some are sent. Nothing is lost: what is not in yet is kept here, in its order."""

    lines: list[Line]
    """All that can be sent."""
    unreadable: list[BrokenLine]
    full: str = ""
    """Why no more goes in now: in the queue's words, or Redis'."""
    sender: Sender = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Begin with the first line."""
        self.sender = Sender(self.lines)

    @property
    def broken(self) -> list[BrokenLine]:
        """What cannot be sent, and why: the lines that cannot be read, then those that the queue refused."""
        return [*self.unreadable, *self.sender.refused]

    @property
    def sent(self) -> int:
        """How many are in the queue."""
        return len(self.sender.jobs)

    @property
    def total(self) -> int:
        """How many are in the queue or are still to be sent."""
        return len(self.lines) - len(self.sender.refused)

    @property
    def left(self) -> int:
        """How many are still to be sent."""
        return self.total - self.sent

    def feed(self, client: JobClient) -> Iterator[None]:
        """Send until all are sent or no more goes in; yields after each chunk."""
        self.full = ""
        try:
            while self.sender.read_chunk():
                self.sender.send_chunk(client)
                yield
        except QueueUnavailable as error:
            self.full = str(error)
        except QueueFull as error:
            self.full = str(error).partition(";")[0]  # the text goes on about a single prompt

    @property
    def rest(self) -> str:
        """What was not sent, as lines of JSON that can be sent later: with their ids, so that none is sent twice."""
        left = self.lines[len(self.lines) - self.left :]
        return "".join(f"{msgspec.json.encode(line.item).decode()}\n" for line in left)


def read_lines(text: str, parameters: Parameters) -> Batch:
    """Read what was typed: one prompt a line, in plain text or as JSON with `prompt` and perhaps `parameters`.

    `parameters` are for what a line does not say. Pure but for the new ids.

    Raises:
        RefusedFile: It is a JSON list, say: nothing of it can be sent.
    """
    return read_file(io.BytesIO(text.encode(errors="surrogateescape")), parameters)


def read_file(file: BinaryIO, parameters: Parameters, *, name: str = "") -> Batch:
    """Read a file of prompts, as `greenscale submit --file` does; raises RefusedFile."""
    lines: list[Line] = []
    unreadable: list[BrokenLine] = []
    for line in read_prompts(file, parameters, name=name).lines:
        if isinstance(line, BrokenLine):
            unreadable.append(line)
        else:
            lines.append(line)
    return Batch(lines, unreadable)


def both(typed: Batch, file: Batch) -> Batch:
    """Return what was typed and then a file, before either is sent."""
    return Batch([*typed.lines, *file.lines], [*typed.unreadable, *file.unreadable])


def numbers(client: JobClient) -> Stats:
    """Return the queue's numbers of now: those that all viewers share may be older than what was just sent."""
    return client.stats()


def through(batch: Batch, now: Stats) -> tuple[int, bool]:
    """Return how many of those sent have ended, and whether that is exact.

    It is exact once the queue is empty. Until then others' jobs may be among those that are left.
    """
    left = min(batch.sent, now.work + now.delayed)
    return batch.sent - left, left == 0
