"""Every effect on Redis passes here, one at a time, by its name; at the chosen one its process is killed."""

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import greenscale_jobs
from greenscale_jobs import RedisAddress
from greenscale_jobs.scripts import assembled

PACKAGE = Path(greenscale_jobs.__file__).parent

Side = Literal["before", "after"]


@dataclasses.dataclass(frozen=True)
class Kill:
    """Kill before Redis gets the command, or after it obeyed and before its reply goes back."""

    point: str
    side: Side
    number: int = 1
    """Which of the commands of this name, from 1."""


class KillProxy:
    """Stands between one process and Redis. Commands of a pipeline go on one by one, so a kill can part them."""

    def __init__(self, target: RedisAddress, kill: Kill | None = None, *, package: Path = PACKAGE) -> None:
        self._target, self._kill = target, kill
        self._scripts = script_names(package)
        self.victim: asyncio.subprocess.Process | None = None
        self.passed: Counter[str] = Counter()
        """Commands that got their reply, by name."""
        self.killed_at: float | None = None
        self._counted: Counter[str] = Counter()
        self._news = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._cut()

    async def until(self, point: str) -> None:
        """Wait until such a command got its reply, or the process was killed."""
        async with self._news:
            await self._news.wait_for(lambda: self.passed[point] or self.killed_at)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            while True:
                await self._pass_on(await read_reply(reader), writer, redis_reader, redis_writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            redis_writer.close()

    async def _pass_on(
        self,
        command: bytes,
        writer: asyncio.StreamWriter,
        redis_reader: asyncio.StreamReader,
        redis_writer: asyncio.StreamWriter,
    ) -> None:
        name = name_of(command, self._scripts)
        self._counted[name] += 1
        kill = self._kill
        here = kill is not None and kill.point == name and kill.number == self._counted[name]
        if here and kill and kill.side == "before":
            await self._end_it()
        redis_writer.write(command)
        reply = await read_reply(redis_reader)
        if here:
            await self._end_it()
        writer.write(reply)
        async with self._news:
            self.passed[name] += 1
            self._news.notify_all()

    async def _end_it(self) -> None:
        assert self.victim is not None
        self.victim.kill()
        self.killed_at = time.time()  # before others are notified of its end
        await self.victim.wait()
        async with self._news:
            self._news.notify_all()
        await self._cut()
        raise ConnectionResetError

    async def _cut(self) -> None:
        others = [task for task in self._connections if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        for task in others:
            with contextlib.suppress(asyncio.CancelledError):
                await task


@functools.cache
def script_names(package: Path = PACKAGE) -> dict[str, str]:
    """Return the name of every script of the queue, by the SHA-1 that Redis knows it by."""
    folder = package / "lua"
    texts = {file.stem: assembled(file.stem, folder).encode() for file in folder.glob("*.lua")}
    return {hashlib.sha1(text).hexdigest(): name for name, text in texts.items()}  # noqa: S324 - Redis' choice


def name_of(command: bytes, scripts: Mapping[str, str]) -> str:
    """Return a command's name as a point: the script, and what it is to do where it does several things."""
    words = _words(command)
    verb = words[0].upper().decode()
    if verb in {"EVALSHA", "EVAL"}:
        sha = words[1].decode() if verb == "EVALSHA" else hashlib.sha1(words[1]).hexdigest()  # noqa: S324
        script = scripts.get(sha, f"unknown script {sha}")
        return f"{script} {words[7].decode()}" if script == "give_up" else script
    return f"{verb} {words[1].upper().decode()}" if verb in {"CLIENT", "SCRIPT"} else verb


def _words(command: bytes) -> list[bytes]:
    words, rest = [], command.partition(b"\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size[1:])
        words.append(rest[:length])
        rest = rest[length + 2 :]
    return words


async def read_reply(reader: asyncio.StreamReader) -> bytes:
    """Return one whole value of RESP2 or RESP3, as it came; a command is one too."""
    line = await reader.readuntil(b"\r\n")
    kind, length = line[:1], line[1:-2]
    if kind in b"$=!":
        return line if length == b"-1" else line + await reader.readexactly(int(length) + 2)
    if kind in b"*~>%":
        values = max(0, int(length)) * (2 if kind == b"%" else 1)
        return line + b"".join([await read_reply(reader) for _ in range(values)])
    return line
