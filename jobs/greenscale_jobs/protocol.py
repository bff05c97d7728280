"""What is sent to Redis, and how its replies are read: the same for asyncio and for blocking callers.

A `Call` is a script or some commands that are sent at once, and how their replies are read; `Steps` are calls made one
after another. `producer`, `reader`, `worker_side` and `maintenance` describe them, `asyncio_runner` and
`blocking_runner` send them. No I/O here: `after_failure` knows what to do where a call fails.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from redis.exceptions import NoScriptError

from greenscale_jobs.errors import FOREIGN_TYPE, damage, translate
from greenscale_jobs.keys import Keys
from greenscale_jobs.scripts import script_sha, script_text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Argument = str | bytes | int | float
Command = Sequence[Argument]

Replies = Sequence[Any]
"""The replies to commands that were sent at once. An error is a reply too; where sending failed, it is the only one."""


class Script(msgspec.Struct, Generic[T], frozen=True):
    """A script to run. The time is put before `args` when it is sent."""

    name: str
    lists: Sequence[str]
    """The lists of the queues that it is about: its KEYS."""
    args: Sequence[Argument]
    read: Callable[[Any], T]
    """Turns the script's reply into the result."""
    types: Callable[[], Mapping[str, str]]
    """Gives the keys that it uses and the types that they must have: one of them may be damaged."""

    def commands(self, now: str) -> Sequence[Command]:
        """Return what runs it where Redis knows the script."""
        return (("EVALSHA", script_sha(self.name), len(self.lists), *self.lists, now, *self.args),)

    def whole(self, now: str) -> Sequence[Command]:
        """Return what runs it where Redis does not know the script: it does from then on."""
        return (("EVAL", script_text(self.name), len(self.lists), *self.lists, now, *self.args),)

    def result(self, replies: Replies) -> T:
        """Read the reply."""
        return self.read(replies[0])

    def __iter__(self) -> Generator["Call[Any]", Any, T]:
        """Make this call a step: `result = yield from call`."""
        result: T = yield self
        return result


class Commands(msgspec.Struct, Generic[T], frozen=True):
    """Commands to send at once."""

    sent: Sequence[Command]
    read: Callable[[Replies], T]
    """Turns the replies, in the form that redis-py gives them, into the result."""
    types: Callable[[], Mapping[str, str]]
    """As in `Script`."""

    def commands(self, now: str) -> Sequence[Command]:
        """Return the commands; they do not need the time."""
        del now
        return self.sent

    def result(self, replies: Replies) -> T:
        """Read the replies."""
        return self.read(replies)

    def __iter__(self) -> Generator["Call[Any]", Any, T]:
        """Make this call a step: `result = yield from call`."""
        result: T = yield self
        return result


Call = Script[T] | Commands[T]


class Steps(Protocol[T_co]):
    """One call, or a generator that makes several and returns a result."""

    def __iter__(self) -> Generator[Call[Any], Any, T_co]:
        """Begin."""


def script(keys: Keys, name: str, args: Sequence[Argument], read: Callable[[Any], T], *, job_id: str = "") -> Script[T]:
    """Return the call of a script on one queue; `job_id`: the one job that it is about, if any."""
    return Script(name, (keys.list_name,), args, read, lambda: types_of(keys, job_id))


def types_of(keys: Keys, job_id: str = "") -> Mapping[str, str]:
    """Return the keys of a queue, and of one of its jobs if it is given, with their types."""
    return {**(keys.types_of_job(job_id) if job_id else {}), **keys.types}


def failed(replies: Replies) -> bool:
    """Return whether one of these is an error."""
    if len(replies) == 1:  # as of every script
        return isinstance(replies[0], Exception)
    return any(isinstance(reply, Exception) for reply in replies)


def after_failure(
    call: Call[T], replies: Replies, *, now: str, address: str
) -> Generator[Sequence[Command], Replies, T]:
    """Return the result of a call that failed at first, or raise what its error means.

    Yields commands that are to be sent at once, and receives their replies. `now`: Unix seconds, or empty for Redis'
    own clock; `address`: of the Redis.
    """
    if isinstance(call, Script) and isinstance(replies[0], NoScriptError):
        replies = yield call.whole(now)
    if not failed(replies):
        return call.result(replies)
    error = next(reply for reply in replies if isinstance(reply, Exception))
    if FOREIGN_TYPE not in str(error):
        raise translate(error, address) from error
    types = call.types()
    found = yield [("TYPE", key) for key in types]
    raise damage(address, types, [] if failed(found) else found) from error


def utf8(text: str) -> bytes:
    """Return any text as UTF-8: half a surrogate pair, which an engine may well stream, becomes a question mark."""
    return text.encode(errors="replace")


def read_ids(reply: Sequence[bytes]) -> list[str]:
    """Read a script's reply that is a list of job ids."""
    return [job_id.decode() for job_id in reply]


def ignore(_: Any) -> None:
    """Read a reply that says nothing."""
