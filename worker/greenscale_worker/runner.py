"""What a runner is: it answers prompts with one type of engine, and has settings of its own. Imports no runner."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, Self

import msgspec

from greenscale_jobs.records import Item, Parameters, Usage


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


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every runner is given, whatever its engine."""

    model: str
    defaults: Parameters
    """What a request asks for where it says nothing itself."""
    concurrency: int
    answer_seconds: float
    """The longest attempt."""
    max_answer_bytes: int


class RunnerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one type of engine needs beside that, and the factory of its runner. `runners` has the table of them.

    A field that the environment sets stands in `variables`, by the variable's name.
    """

    engine: ClassVar[str]
    """`spec.engine.type`."""
    variables: ClassVar[Mapping[str, str]] = {}

    def completed(self, environment: Mapping[str, str], problems: list[str]) -> Self:  # noqa: ARG002 - for subclasses
        """Add to `problems` what cannot be used; return the settings with what else the environment implies."""
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may contain."""
        return ()

    def make(self, common: CommonSettings) -> Runner:
        """Return the runner; only here is imported what takes long."""
        raise NotImplementedError
