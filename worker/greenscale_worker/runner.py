"""What every runner does: it answers a worker's prompts by one type of engine. Imports no runner."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from greenscale_jobs import Item, Usage


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; None is what the engine did not say."""

    text: str
    model: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None


class Runner(Protocol):
    """Answers prompts, many at once."""

    async def ready(self) -> None:
        """Wait until prompts can be answered; raises EngineError if they never will."""

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Answer one prompt; `emit` takes each piece of the text as it comes. Raises EngineError.

        Cancelling it aborts the request.
        """

    async def aclose(self) -> None:
        """Close what is open."""
