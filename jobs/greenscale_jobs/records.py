"""A job as a producer sends it, as a worker holds it and as a reader sees it.

Pure: no I/O, no clock. JSON uses camelCase, as the resource does.
"""

import enum
import re
from typing import Annotated, Literal

import msgspec

MAX_PROMPT_BYTES = 1024 * 1024
"""A prompt's limit in UTF-8 bytes, its history included.

What is larger belongs in a store, with its address in the prompt.
"""

MAX_TURNS = 10_000
"""A conversation's limit. What JSON writes around so many turns still fits in an item."""

MAX_ITEM_BYTES = 8 * MAX_PROMPT_BYTES
"""An item's limit on the list. JSON writes a control character in six bytes, and a prompt of them fits."""

ITEM_VERSION = 1
"""The newest form of an item that this code can read. It rises when an older worker would get a new item wrong."""

MAX_TOKENS = 10**9
"""No model reads or writes more in one request. A server that reports more is wrong, and must not spoil the counts."""

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""The form of an id, which is part of a Redis key, a page's address and a command line."""


JOB_ID_RULE = "1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or digit"


class JobState(enum.StrEnum):
    """Where a job stands. The last three are final."""

    WAITING = "waiting"
    """On the list, or during a blocking claim in `<list>:claiming`."""
    RUNNING = "running"
    """Leased to a worker."""
    DELAYED = "delayed"
    """Due later: a retry, or submitted for later (`attempts` is 0)."""
    DONE = "done"
    DEAD = "dead"
    """Failed for good; kept until it is sent again."""
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended. Only a dead one can go on, when it is sent again."""
        return self in {JobState.DONE, JobState.DEAD, JobState.CANCELLED}


class InvalidItem(ValueError):
    """An item on the list that can never become a job; the text says why, without the prompt."""


class NewerItem(InvalidItem):
    """An item that a newer version of GreenScale wrote: a worker of that version can run it, this one cannot."""

    def __init__(self, what: str, version: int) -> None:
        super().__init__(f"{what} has version {version}, and this GreenScale reads up to {ITEM_VERSION}: update it")
        self.version = version


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """The parameters of one request. Default: the workload's `engine.parameters`."""

    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    system: str | None = None

    def over(self, defaults: "Parameters") -> "Parameters":
        """Return these parameters, with `defaults` for those that are not set."""
        mine = {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.structs.replace(defaults, **{name: value for name, value in mine.items() if value is not None})


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier message of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One element of the list `jobs`: what a producer sends."""

    id: str
    prompt: str
    parameters: Parameters = Parameters()
    history: tuple[Turn, ...] = ()
    """The messages before the prompt, oldest first."""
    v: int = 1
    """The lowest version that can express this item, so that older workers can run it too. Without `v` it is 1."""


class Usage(msgspec.Struct, frozen=True, rename="camel"):
    """Tokens, as the engine counted them; None if it did not report them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def total(self) -> int | None:
        """The sum of what was reported, from 0 to `MAX_TOKENS`; None if nothing was."""
        reported = [count for count in (self.prompt_tokens, self.completion_tokens) if count is not None]
        return min(max(0, sum(reported)), MAX_TOKENS) if reported else None


class JobError(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Why an attempt failed: `reason` for programs (CamelCase), `message` for people, `at` in Unix seconds."""

    reason: str
    message: str
    attempt: int = 0
    at: float | None = None


class UnchargedTries(msgspec.Struct, frozen=True, rename="camel"):
    """Tries that cost the job no attempt, because the job was not at fault."""

    count: int
    first_at: float
    """Unix seconds; `giveUpAfterSeconds` counts from here."""
    last_at: float
    """Unix seconds."""
    reason: str
    """The last reason: CamelCase, for programs."""
    message: str


CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length", "max_new_tokens"}
"""What servers report, in small letters, for an answer that reached the limit of its tokens."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is known of an answer besides its text."""

    model: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None
    first_token_at: float | None = None
    """Unix seconds, by the worker's clock."""

    @property
    def cut_off(self) -> bool:
        """Whether the answer ended because it reached the limit of its tokens."""
        return (self.finish_reason or "").lower() in CUT_OFF


class Job(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One job as a reader sees it. Times are Unix seconds; None means not known, or not yet."""

    id: str
    state: JobState
    prompt: str | None
    """None if the item cannot be read: `error` or `uncharged` says why, `unread` holds its beginning."""
    parameters: Parameters = Parameters()
    history: tuple[Turn, ...] = ()
    """The messages before the prompt, oldest first."""
    attempts: int = 0
    ahead: int | None = None
    """How many jobs wait before this one."""
    submitted_at: float | None = None
    """None for an item that another client pushed: its time was not recorded."""
    claimed_at: float | None = None
    due_at: float | None = None
    finished_at: float | None = None
    worker: str | None = None
    cancelling: bool = False
    result: str | None = None
    outcome: Outcome | None = None
    errors: tuple[JobError, ...] = ()
    """Every failed attempt, oldest first."""
    uncharged: UnchargedTries | None = None
    losses: int = 0
    """How often it ran beside other jobs when an engine or a worker was lost."""
    lost_alone: int = 0
    """How often it ran alone when an engine or a worker was lost."""
    suspect: bool = False
    """Whether it is claimed alone, because it ran each time."""
    unread: str | None = None
    """The beginning of its item, if that cannot be read."""
    stray: bool = False
    """Whether its record says waiting, delayed or running, but it is in no list: no worker will find it."""

    @property
    def error(self) -> JobError | None:
        """Why the last failed attempt failed."""
        return self.errors[-1] if self.errors else None

    @property
    def last_failure(self) -> JobError | UnchargedTries | None:
        """The last failure, whether it was charged to the job or not."""
        charged_at = (self.error.at or 0.0) if self.error else -1.0
        return self.uncharged if self.uncharged and self.uncharged.last_at >= charged_at else self.error


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened to a job at one moment: claimed, delta, waiting (again), delayed, done, dead or cancelled."""

    id: str
    """The id in the stream, `<milliseconds>-<number>`, from which to read on."""
    type: str
    attempt: int
    text: str = ""
    """The piece of the answer, the message of the failure, or the worker that claimed."""

    @property
    def at(self) -> float:
        """When Redis wrote it, in Unix seconds."""
        return int(self.id.partition("-")[0]) / 1000

    @property
    def final(self) -> bool:
        """Whether the job ended. Only a dead one can go on, when it is sent again."""
        return self.type in {"done", "dead", "cancelled"}


def check_prompt(item: Item) -> Item:
    """Return the item if its prompt can be asked.

    Raises:
        InvalidItem: The prompt is blank, it is too large with its system text and its history, or the history has too
            many turns or an unknown role.
    """
    if not item.prompt.strip():
        raise InvalidItem("the prompt is empty")
    try:
        size, system = len(item.prompt.encode()), len((item.parameters.system or "").encode())
    except UnicodeEncodeError:
        raise InvalidItem("the prompt has half a surrogate pair; it is not valid Unicode") from None
    if size + system > MAX_PROMPT_BYTES:
        with_system = f", its system text {system}" if system else ""
        raise InvalidItem(f"the prompt has {size} bytes{with_system}; at most {MAX_PROMPT_BYTES} are allowed")
    if item.history:
        _check_history(item.history, MAX_PROMPT_BYTES - size - system, size + system)
    return item


def _check_history(history: tuple[Turn, ...], room: int, prompt_size: int) -> None:
    if len(history) > MAX_TURNS:
        raise InvalidItem(f"the history has {len(history)} turns; at most {MAX_TURNS} are allowed")
    for turn in history:
        if turn.role not in {"user", "assistant"}:
            raise InvalidItem(f"the role of a turn of the history is user or assistant, not {turn.role!r}")
    try:
        size = sum(len(turn.content.encode()) for turn in history)
    except UnicodeEncodeError:
        raise InvalidItem("the history has half a surrogate pair; it is not valid Unicode") from None
    if size > room:
        raise InvalidItem(
            f"the prompt has {prompt_size} bytes and the history {size}; together at most {MAX_PROMPT_BYTES} are "
            "allowed: leave out the oldest turns"
        )
