"""One connection of redis-py, used without its pool, its retries and its metrics.

What a worker says to Redis for each job goes this way: those cost more than the exchange itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from greenscale_jobs.connection.address import COMMAND_TIMEOUT_SECONDS, RedisAddress

Word = str | bytes | int | float


class FastConnection:
    """Sends commands in turn over one connection, which is made when it is needed."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._client: Redis | None = None
        self._connection: AbstractConnection | None = None
        self._anew = False
        self._free = asyncio.Lock()

    async def run(self, *command: Word) -> Any:
        """Send one command and return its answer.

        Raises:
            RedisError: It is refused, or there is no connection.
            TimeoutError: There was no answer in the time of a command.
        """
        (answer,) = await self.ask(command, seconds=COMMAND_TIMEOUT_SECONDS)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def ask(self, *commands: Sequence[Word], seconds: float | None) -> list[Any]:
        """Send all at once and return their answers, of which each may be a ResponseError.

        Raises:
            RedisError: There is no connection.
            TimeoutError: `seconds` went by without all answers.
        """
        try:
            async with self._free, asyncio.timeout(seconds):
                connection = await self._connected()
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                return [await _answer(connection) for _ in commands]
        except TimeoutError as error:
            raise TimeoutError(str(error) or f"no answer within {seconds} s") from None

    def reconnect(self) -> None:
        """Use another connection from the next command on: the address may mean another server by now."""
        self._anew = True

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client:
            await self._client.aclose()

    async def _connected(self) -> AbstractConnection:
        if self._client is None:
            self._client = self._address.connect(command_timeout=None)
        pool = self._client.connection_pool
        if self._connection is None:
            self._connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        elif self._anew:
            await self._connection.disconnect()
        self._anew = False
        await pool.ensure_connection(self._connection)
        return self._connection


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
