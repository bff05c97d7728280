"""Sends calls to Redis and blocks until the replies are there: for scripts, the command and the page. No asyncio."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Concatenate, ParamSpec, Self, TypeVar

from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.errors import REDIS_ERRORS, demoted
from greenscale_jobs.event_stream import EventStream
from greenscale_jobs.keys import DEFAULT_LIST, Keys
from greenscale_jobs.protocol import Call, Command, Commands, Replies, Script, Steps, after_failure, failed
from greenscale_jobs.records import Event

P = ParamSpec("P")
T = TypeVar("T")


class BlockingQueue:
    """One queue. Safe to share between threads.

    Methods raise QueueUnavailable while Redis cannot be used; the caller may try again.
    """

    def __init__(self, address: RedisAddress, list_name: str = DEFAULT_LIST) -> None:
        self.address = address
        self.keys = Keys(list_name)
        self._redis = address.connect_plain()

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def run(self, steps: Steps[T]) -> T:
        """Make one call, or several one after another, and return the result."""
        if isinstance(steps, Script | Commands):
            only: T = self._call(steps)
            return only
        calls = iter(steps)
        try:
            call = next(calls)
            while True:
                call = calls.send(self._call(call))
        except StopIteration as end:
            result: T = end.value
            return result

    def _call(self, call: Call[T]) -> T:
        replies = self._ask(call.commands(now=""))
        return self._after_failure(call, replies) if failed(replies) else call.result(replies)

    def _ask(self, commands: Sequence[Command]) -> Replies:
        try:
            replies = self._ask_pool(commands)
        except REDIS_ERRORS as error:
            replies = [error]
        if failed(replies) and demoted(replies):
            self._redis.connection_pool.disconnect(inuse_connections=False)
        return replies

    def _after_failure(self, call: Call[T], replies: Replies) -> T:
        failure = after_failure(call, replies, now="", address=str(self.address))
        try:
            commands = next(failure)
            while True:
                commands = failure.send(self._ask(commands))
        except StopIteration as end:
            result: T = end.value
            return result

    def _ask_pool(self, commands: Sequence[Command]) -> Replies:
        if len(commands) == 1:
            return [self._redis.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
        with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            return pipeline.execute(raise_on_error=False)


def blocking(
    describe: Callable[Concatenate[Keys, P], Steps[T]],
) -> Callable[Concatenate[BlockingQueue, P], T]:
    """Return the method of a blocking queue that makes the calls that `describe` describes."""

    @functools.wraps(describe)
    def method(self: BlockingQueue, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(describe(self.keys, *args, **kwargs))

    return method


def blocking_events(
    describe: Callable[Concatenate[Keys, P], EventStream],
) -> Callable[Concatenate[BlockingQueue, P], Iterator[Event]]:
    """Return the method of a blocking queue that yields the events of a stream."""

    @functools.wraps(describe)
    def method(self: BlockingQueue, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Event]:
        stream = describe(self.keys, *args, **kwargs)
        while (events := self.run(stream.read_on())) is not None:
            yield from events

    return method
