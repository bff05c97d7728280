"""redis-py's connections, which also report why Redis closed the connection, and a missing TLS handshake.

Redis refuses a value above its proto-max-bulk-len as soon as it has read its length: it answers, and hangs up. A client
that is still writing the value sees a broken connection, as if Redis were down, and would send it again for ever.
"""

from typing import Any

import redis
import redis.asyncio

from greenscale_jobs.errors import NO_HANDSHAKE

HANGS_UP = "Protocol error"
"""What Redis answers before it closes a connection on which it no longer knows where a command begins."""


class PlainConnection(redis.Connection):
    """A blocking connection."""

    _writes = False
    _last_words = b""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Send a command; raises ResponseError where Redis refused it before it had all of it."""
        self._writes, self._last_words = True, b""
        try:
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]
        except redis.ConnectionError as error:
            _raise_refusal(self._last_words, error)
            raise
        finally:
            self._writes = False

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return an answer; after one that Redis hangs up with, the next command begins with a new connection."""
        try:
            return super().read_response(*args, **kwargs)
        except redis.ResponseError as error:
            if HANGS_UP in str(error):
                self.disconnect()
            raise

    def disconnect(self, *args: Any, **kwargs: Any) -> None:
        """Close the connection; where a write failed, first read what Redis answered."""
        if self._writes and self._sock is not None:
            try:
                self._sock.setblocking(False)  # noqa: FBT003 - a socket's
                self._last_words = self._sock.recv(1000)
            except OSError:
                pass
        super().disconnect(*args, **kwargs)  # type: ignore[no-untyped-call]


class PlainTlsConnection(PlainConnection, redis.SSLConnection):
    """The same with TLS."""

    def _connect(self) -> Any:
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise redis.TimeoutError(NO_HANDSHAKE) from error


class Connection(redis.asyncio.Connection):
    """A connection for asyncio."""

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002
        """Send a command; raises ResponseError where Redis refused it before it had all of it."""
        reader = self._reader
        try:
            await super().send_packed_command(command, check_health)
        except redis.ConnectionError as error:
            # Once the connection is lost the reader gives nothing more, though it has it.
            _raise_refusal(bytes(getattr(reader, "_buffer", b"")), error)
            raise

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return an answer; after one that Redis hangs up with, the next command begins with a new connection."""
        try:
            return await super().read_response(*args, **kwargs)
        except redis.ResponseError as error:
            if HANGS_UP in str(error):
                await self.disconnect(nowait=True)
            raise


class TlsConnection(Connection, redis.asyncio.SSLConnection):
    """The same with TLS."""

    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise redis.TimeoutError(NO_HANDSHAKE) from error


def _raise_refusal(last_words: bytes, error: Exception) -> None:
    if last_words.startswith(f"-ERR {HANGS_UP}".encode()):
        raise redis.ResponseError(last_words.partition(b"\r\n")[0].removeprefix(b"-ERR ").decode()) from error
