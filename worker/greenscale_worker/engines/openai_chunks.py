"""What is read of a streamed chat completion's chunks. The package's own models cost several times the reading."""

import msgspec

from greenscale_jobs import Usage


class Delta(msgspec.Struct):
    """A piece of the answer."""

    content: str | None = None


class Choice(msgspec.Struct):
    """One answer of possibly several; we ask for one."""

    delta: Delta | None = None
    finish_reason: str | None = None


class Counted(msgspec.Struct):
    """Tokens, under the names of the API."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(msgspec.Struct):
    """One event of the stream; servers leave out what they please."""

    choices: list[Choice] | None = None
    model: str | None = None
    usage: Counted | None = None

    @property
    def tokens(self) -> Usage | None:
        """What was counted, in the last chunk of those that count."""
        return Usage(self.usage.prompt_tokens, self.usage.completion_tokens) if self.usage else None
