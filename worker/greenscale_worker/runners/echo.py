"""No model: repeats the prompt, at a pace that shows streaming. For trying out, and for tests."""

import asyncio
import re
from collections.abc import Callable
from typing import ClassVar

from greenscale_jobs.records import Item
from greenscale_worker.runner import Answer, CommonSettings, Runner, RunnerSettings

PACE_SECONDS = 0.05
"""Between two words: about as fast as a person reads."""

MAX_SECONDS = 120.0
"""A long prompt is streamed faster, not for hours."""


class EchoRunner:
    """Streams the prompt back word by word, the first at once."""

    async def ready(self) -> None:
        """Return at once."""

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Return the prompt itself."""
        words = re.findall(r"\s*\S+\s*", item.prompt)
        at_once = max(1, round(len(words) * PACE_SECONDS / MAX_SECONDS))
        for first in range(0, len(words), at_once):
            if first:
                await asyncio.sleep(PACE_SECONDS)
            emit("".join(words[first : first + at_once]))
        return Answer(item.prompt, model="echo", finish_reason="stop")

    async def aclose(self) -> None:
        """Nothing is open."""


class EchoSettings(RunnerSettings, frozen=True, kw_only=True):
    """It needs nothing."""

    engine: ClassVar[str] = "Echo"

    def make(self, common: CommonSettings) -> Runner:  # noqa: ARG002 - whatever is set
        """Return an echo."""
        return EchoRunner()
