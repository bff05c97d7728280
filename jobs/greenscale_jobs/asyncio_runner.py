"""Sends calls to Redis with asyncio. What they are and mean is in `protocol` and in the modules that describe them."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from redis.asyncio import Redis

from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.connection.fast_connection import FastConnection
from greenscale_jobs.errors import REDIS_ERRORS, demoted
from greenscale_jobs.event_stream import EventStream
from greenscale_jobs.keys import DEFAULT_LIST, Keys
from greenscale_jobs.limits import Limits
from greenscale_jobs.protocol import Call, Command, Commands, Replies, Script, Steps, after_failure, failed
from greenscale_jobs.records import Event

P = ParamSpec("P")
T = TypeVar("T")

Send = Callable[..., Awaitable[Replies]]
"""Sends commands at once and returns their replies."""


class AsyncioRunner:
    """Sends calls to one Redis. Methods raise QueueUnavailable while it cannot be used; the caller may try again.

    `clock` gives Unix seconds in place of Redis' own time; only tests need it. A `connection` is shared with other
    runners and closed by whoever made it.
    """

    def __init__(
        self, address: RedisAddress, *, clock: Callable[[], float] | None = None, connection: Redis | None = None
    ) -> None:
        self.address = address
        self._clock = clock
        self._shared = connection is not None
        self._redis = connection or address.connect()
        # Scripts go over a connection of their own, which costs less than the pool's.
        self._fast = FastConnection(address)
        self._send_script: Send = self._ask_pool if self._shared else self._fast.ask

    async def aclose(self) -> None:
        """Close the connections; claims are not given back."""
        if not self._shared:
            await self._redis.aclose()
        await self._fast.aclose()

    async def __aenter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """Make one call, or several one after another, and return the result."""
        if isinstance(steps, Script | Commands):
            only: T = await self._call(steps)
            return only
        calls = iter(steps)
        try:
            call = next(calls)
            while True:
                call = calls.send(await self._call(call))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _call(self, call: Call[T], send: Send | None = None) -> T:
        send = send or (self._send_script if isinstance(call, Script) else self._ask_pool)
        replies = await self._ask(call.commands(self._now()), send)
        return await self._after_failure(call, replies, send) if failed(replies) else call.result(replies)

    async def _ask(self, commands: Sequence[Command], send: Send) -> Replies:
        try:
            replies = await send(*commands)
        except REDIS_ERRORS as error:
            replies = [error]
        _stay_cancelled()
        if failed(replies) and demoted(replies):
            await self._reconnect()
        return replies

    async def _after_failure(self, call: Call[T], replies: Replies, send: Send) -> T:
        failure = after_failure(call, replies, now=self._now(), address=str(self.address))
        try:
            commands = next(failure)
            while True:
                commands = failure.send(await self._ask(commands, send))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _ask_pool(self, *commands: Command) -> Replies:
        if len(commands) == 1:
            return [await self._redis.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)

    def _now(self) -> str:
        """Return the time for scripts; empty for Redis' own clock."""
        return "" if self._clock is None else f"{self._clock():.3f}"

    async def _reconnect(self) -> None:
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        self._fast.reconnect()


class AsyncioQueue(AsyncioRunner):
    """One queue in that Redis."""

    def __init__(
        self,
        address: RedisAddress,
        list_name: str = DEFAULT_LIST,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
        connection: Redis | None = None,
    ) -> None:
        super().__init__(address, clock=clock, connection=connection)
        self.keys = Keys(list_name)
        self.limits = limits or Limits()


def awaited(
    describe: Callable[Concatenate[Keys, P], Steps[T]],
) -> Callable[Concatenate[AsyncioQueue, P], Coroutine[Any, Any, T]]:
    """Return the method of an asyncio queue that makes the calls that `describe` describes."""

    @functools.wraps(describe)
    async def method(self: AsyncioQueue, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(describe(self.keys, *args, **kwargs))

    return method


def awaited_events(
    describe: Callable[Concatenate[Keys, P], EventStream],
) -> Callable[Concatenate[AsyncioQueue, P], AsyncIterator[Event]]:
    """Return the method of an asyncio queue that yields the events of a stream."""

    @functools.wraps(describe)
    async def method(self: AsyncioQueue, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Event]:
        stream = describe(self.keys, *args, **kwargs)
        while (events := await self.run(stream.read_on())) is not None:
            for event in events:
                yield event

    return method


def _stay_cancelled() -> None:
    """Raise CancelledError if this task was cancelled while redis-py connected: it swallows that (8.1.0)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
