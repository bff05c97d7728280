"""The chaos engine does what it says: bytes, cuts, silence and death, seen by a client of raw sockets.

Whoever judges others by it must know that it is right.
"""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenscale_testing.chaos_fatal import DEAD_KINDS
from greenscale_testing.chaos_kinds import DONE_KINDS, TEXTS, Kind, prompt_of, text_of
from greenscale_testing.chaos_ledger import calls_of, outages_of
from greenscale_testing.chaos_process import EngineProcess, chaos_engine
from greenscale_testing.chaos_troubles import HANGS, MOST, TROUBLES, Cost, Met, drawn

UNENDING = [kind.name for kind in DEAD_KINDS if kind.name.startswith("endless")]
HELD = {"silence-after", "heartbeats-after", "reset-after", "slow", "tool-calls"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineProcess]:
    async with chaos_engine(tmp_path, calm=True) as engine:
        yield engine


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, kind: str, number: int = 1, **more: object) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": prompt_of(kind, number)}], **more}
        data = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer sk-me\r\nContent-Length: {len(data)}"
        self.writer.write(head.encode() + b"\r\n\r\n" + data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def body(self, head: bytes) -> bytes:
        """Return the whole body, by its length, its chunks, or the connection's end."""
        if b"chunked" in head:
            whole = b""
            while size := int(await self.reader.readline(), 16):
                whole += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            return whole
        _, found, rest = head.partition(b"Content-Length: ")
        return await (self.reader.readexactly(int(rest.partition(b"\r\n")[0])) if found else self.reader.read())


@contextlib.asynccontextmanager
async def connected(engine: EngineProcess) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", engine.port, limit=2**24)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def text_in(head: bytes, body: bytes) -> str:
    """Read an answer as a patient client would, without the product's code."""
    if b"gzip" in head:
        body = gzip.decompress(body)
    if b"application/json" in head:
        return joined(json.loads(body)["choices"][0]["message"]["content"])
    events = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n\n")
    lines = [line.removeprefix(b"data:").strip(b" ") for part in events for line in part.split(b"\n")]
    chunks = [json.loads(line) for line in lines if line.startswith(b"{")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(joined(delta.get("content") or delta.get("refusal") or "") for delta in deltas)


def joined(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def answer(engine: EngineProcess, kind: Kind, number: int) -> str:
    async with connected(engine) as wire:
        await wire.ask(kind.name, number)
        head = await wire.head()
        return text_in(head, await wire.body(head))


async def test_a_whole_answer_has_every_character(engine: EngineProcess) -> None:
    asked = [(kind, number) for kind in DONE_KINDS if kind.name not in HELD for number in range(len(TEXTS))]
    wanted = {(kind.name, number): kind.result(number) for kind, number in asked if kind.result}
    answers = await asyncio.gather(*(answer(engine, kind, number) for kind, number in asked if kind.result))

    assert dict(zip(wanted, answers, strict=True)) == wanted


async def test_a_connection_is_kept_for_the_next_request(engine: EngineProcess) -> None:
    async with connected(engine) as wire:
        for number in range(3):
            await wire.ask("plain", number)
            assert text_in(await wire.head(), await wire.body(b"chunked")) == text_of(number)


@pytest.mark.parametrize("kind", ["silence-after", "heartbeats-after"])
async def test_what_is_held_open_has_all_text_and_no_end(engine: EngineProcess, kind: str) -> None:
    async with connected(engine) as wire:
        await wire.ask(kind)
        await wire.head()
        got = await wire.reader.readuntil(b'"finish_reason": "stop"')
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await wire.reader.read(-1)

    assert got.count(b'"content"') > 1


async def test_a_reset_is_a_reset(engine: EngineProcess) -> None:
    async with connected(engine) as wire:
        await wire.ask("reset-after")
        with pytest.raises(ConnectionResetError):
            await wire.reader.read(-1)


@pytest.mark.parametrize("kind", UNENDING)
async def test_an_endless_answer_outlasts_its_reader(engine: EngineProcess, kind: str) -> None:
    async with connected(engine) as wire:
        await wire.ask(kind)
        await wire.reader.readexactly(8 * 2**20)

    async with connected(engine) as wire:
        await wire.ask("plain")
        assert b"200" in await wire.head()


async def test_a_poison_ends_the_engine_and_its_account_goes_on(engine: EngineProcess) -> None:
    async with connected(engine) as company, connected(engine) as wire:
        await company.ask("silence-after", 2)
        await wire.ask("poison-engine", 3)
        await wire.reader.read(-1)
    await engine.until(lambda said: said["listening"] == 2)
    async with connected(engine) as wire:
        await wire.ask("plain", 4)
        await wire.head()
        await wire.body(b"chunked")

    calls = calls_of(engine.lines)
    assert [(call.kind, call.how) for call in calls][:2] == [("silence-after", "lost"), ("poison-engine", "lost")]
    assert [outage.name for outage in outages_of(engine.lines)] == ["dead"]


async def test_a_deadly_prompt_names_its_caller(tmp_path: Path) -> None:
    killed: asyncio.Queue[str] = asyncio.Queue()
    async with chaos_engine(tmp_path, calm=True, on_kill=killed.put_nowait) as engine, connected(engine) as wire:
        await wire.ask("poison-worker")
        async with asyncio.timeout(5):
            assert await killed.get() == "me"


async def test_in_an_outage_nobody_listens_and_afterwards_somebody_does(engine: EngineProcess) -> None:
    async with connected(engine) as wire:
        await wire.ask("plain")
        await wire.head()
        outage = asyncio.create_task(engine.refuse("refused", 0.6))
        await wire.body(b"chunked")
        assert await wire.reader.read(-1) == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", engine.port)
    await outage
    async with connected(engine) as wire:
        await wire.ask("plain")
        assert b"200" in await wire.head()
    assert [outage.name for outage in outages_of(engine.lines)] == ["refused"]


async def test_an_outage_is_in_the_account(engine: EngineProcess) -> None:
    outage = asyncio.create_task(engine.refuse("402", 0.5))
    async with connected(engine) as wire:
        await engine.until(lambda said: said["outage"] == 1)
        await wire.ask("plain")
        assert b"402" in await wire.head()
    await outage

    assert [call.does for call in calls_of(engine.lines)] == ["outage 402"]


@pytest.mark.parametrize("name", [trouble.name for trouble in HANGS])
async def test_a_call_hangs_until_the_outage_is_over(engine: EngineProcess, name: str) -> None:
    """Then a frozen engine goes on as if nothing had been, and another one resets its connections."""
    outage = asyncio.create_task(engine.refuse(name, 0.5))
    await engine.until(lambda said: said["outage"] == 1)
    async with connected(engine) as wire:
        await wire.ask("plain")
        got = await until_reset_or_end(wire)
        await outage
        await until_ended(engine)  # what it has sent it must also note, before the connection goes
    (call,), (lasted,) = calls_of(engine.lines), outages_of(engine.lines)

    dies = name.endswith("dies")
    assert (b"0\r\n\r\n" in got) == (not dies)
    assert dies or text_in(b"", unchunked(got)) == text_of(1)
    assert b"chunked" in got or name == "hangs-and-dies"
    assert (call.how, call.ended_at is not None and call.ended_at >= lasted.ended_at) == ("sent", True)


@pytest.mark.parametrize("kind", ["forbidden", "long"])
async def test_a_job_that_must_not_get_the_plain_answer_gets_none_after_a_hang(
    engine: EngineProcess, kind: str
) -> None:
    outage = asyncio.create_task(engine.refuse("hangs-within", 0.5))
    await engine.until(lambda said: said["outage"] == 1)
    async with connected(engine) as wire:
        await wire.ask(kind)
        assert b"503" in await wire.head()
    await outage


async def test_in_silence_only_the_client_ends_a_call(engine: EngineProcess) -> None:
    await engine.refuse("silent", 0.1)
    outage = asyncio.create_task(engine.refuse("silent", 0.1))
    await engine.until(lambda said: said["outage"] == 2)
    async with connected(engine) as wire:
        await wire.ask("plain")
        await outage
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await wire.reader.read(1)
    await until_ended(engine)

    assert [call.how for call in calls_of(engine.lines)] == ["sent"]


async def until_ended(engine: EngineProcess) -> None:
    async with asyncio.timeout(5):
        while not all(call.ended_at for call in calls_of(engine.lines)):  # noqa: ASYNC110 - a file tells nothing
            await asyncio.sleep(0.01)


async def until_reset_or_end(wire: Wire) -> bytes:
    """Return all bytes of one streamed answer, or those before the connection was reset."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            while b"\r\n0\r\n\r\n" not in got and (data := await wire.reader.read(2**16)):
                got += data
    return got


def unchunked(message: bytes) -> bytes:
    """Return the body of a chunked message that is whole."""
    _, _, rest = message.partition(b"\r\n\r\n")
    body = b""
    while size := int(rest.partition(b"\r\n")[0], 16):
        _, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[:size], rest[size + 2 :]
    return body


async def test_what_a_call_meets_is_drawn_and_the_same_each_time(tmp_path: Path) -> None:
    async def asked(name: str) -> list[str]:
        async with chaos_engine(tmp_path, name, seed=3) as engine:
            for number in range(120):
                async with connected(engine) as wire:
                    await wire.ask("plain", number)
                    with contextlib.suppress(ConnectionError):
                        await wire.reader.read(10)
            return [call.does for call in calls_of(engine.lines)]

    first, second = [await asked(name) for name in ("one", "two")]

    assert first == second
    assert 0 < sum(does != "answer" for does in first) < 60


def test_every_trouble_is_drawn() -> None:
    names = {trouble.name for number in range(20_000) if (trouble := drawn(5, number, 1))}

    assert names == {trouble.name for trouble in TROUBLES}


def test_a_job_meets_no_more_than_it_can_bear() -> None:
    met = Met()
    for cost in (Cost.ATTEMPT, Cost.LOSS, Cost.DOUBT):
        for _ in range(MOST[cost]):
            assert met.bears(1, cost)
            met.note(1, cost)
        assert not met.bears(1, cost)
    assert met.bears(1, Cost.NOTHING)


def test_doubt_in_one_outage_is_one_doubt() -> None:
    met = Met()
    met.note(1, Cost.DOUBT, episode=7)

    assert met.bears(1, Cost.DOUBT, episode=7)
    assert not met.bears(1, Cost.DOUBT, episode=8)
    assert not met.bears(1, Cost.DOUBT)
