"""Answers without end: they end the job, and the worker's memory stays as it is."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from greenscale_testing.engine_calls import ask_once, kind_of
from greenscale_testing.raw_server import Reply, delta, event, message, raw, stream

MIB = 1024 * 1024
MAX_BYTES = 256 * 1024

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ERROR = b"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n\r\n"
WORDS = "word " * 1000


def bomb(head: bytes, filling: bytes) -> bytes:
    """Return a small message that unpacks to 512 MiB."""
    packer = zlib.compressobj(wbits=31)
    packed = (
        packer.compress(head)
        + b"".join(packer.compress(filling * (MIB // len(filling))) for _ in range(512))
        + packer.flush()
    )
    return message(200, packed, "Content-Encoding: gzip", kind="text/event-stream")


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """Gives how many bytes Python held at most, in a list that is filled by `measure`."""
    tracemalloc.start()
    yield []
    tracemalloc.stop()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply((HEAD,), forever=event(delta(WORDS))), id="deltas"),
        pytest.param(Reply((HEAD,), forever=event(delta(reasoning_content=WORDS))), id="reasoning"),
        pytest.param(Reply((HEAD,), forever=event(delta(refusal=WORDS))), id="a refusal"),
        pytest.param(
            Reply((HEAD,), forever=event(delta(tool_calls=[{"index": 0, "function": {"arguments": WORDS}}]))),
            id="tool calls",
        ),
        pytest.param(Reply((HEAD, b"data: "), forever=b"x" * 10_000), id="one line"),
        pytest.param(Reply((HEAD, b": "), forever=b"x" * 10_000), id="one comment"),
        pytest.param(Reply((HEAD, b"data: {\n"), forever=b"data: x\n" * 1000), id="data of one event"),
        pytest.param(Reply((HEAD, b"data: {\n"), forever=b"data:  \ndata: x\n" * 1000), id="data with blanks"),
        pytest.param(
            Reply((HEAD, b'{"choices": [{"message": {"content": "'), forever=b"x" * 10_000), id="a plain completion"
        ),
        pytest.param(Reply((ERROR % 400, b'{"error": "'), forever=b"x" * 10_000), id="an error's body"),
        pytest.param(Reply((ERROR % 500,), forever=b"<p>" * 10_000), id="an error's page"),
    ],
)
async def test_an_answer_without_end_ends_its_job(reply: Reply, peak: list[int]) -> None:
    async with raw(reply) as (_, url):
        outcome = await ask_once(url, max_answer_bytes=MAX_BYTES, answer_seconds=5)
    peak.append(tracemalloc.get_traced_memory()[1])

    assert kind_of(outcome) == ("JobRejected", "AnswerTooLarge")
    assert "queue.maxAnswerBytes" in str(outcome)
    assert peak[0] < 40 * MIB


@pytest.mark.parametrize(
    ("head", "filling"),
    [
        pytest.param(b"data: ", b"x", id="one line"),
        pytest.param(b'{"choices": "', b"x", id="JSON"),
        pytest.param(b"", b"data: x\n", id="data"),
    ],
)
async def test_a_gzip_bomb_ends_its_job(head: bytes, filling: bytes, peak: list[int]) -> None:
    reply = bomb(head, filling)
    tracemalloc.reset_peak()
    async with raw(reply) as (_, url):
        outcome = await ask_once(url, max_answer_bytes=MAX_BYTES)
    peak.append(tracemalloc.get_traced_memory()[1])

    assert kind_of(outcome) == ("JobRejected", "AnswerTooLarge")
    assert peak[0] < 40 * MIB


@pytest.mark.parametrize("heartbeat", [b": still here\n\n", b"\n", b"data:\n\n", b"event: ping\nid: 1\n\n"])
async def test_heartbeats_without_end_take_no_memory(heartbeat: bytes, peak: list[int]) -> None:
    """Only the job's time limit ends them."""
    async with raw(Reply((HEAD,), forever=heartbeat * 100)) as (_, url):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await ask_once(url, max_answer_bytes=MAX_BYTES)
    peak.append(tracemalloc.get_traced_memory()[1])

    assert peak[0] < 40 * MIB


async def test_a_limit_of_the_rate_is_one_however_long_its_page_is() -> None:
    async with raw(Reply((ERROR % 429,), forever=b"x" * 10_000)) as (_, url):
        assert kind_of(await ask_once(url)) == ("EngineInTrouble", "RateLimited")


async def test_an_answer_just_below_the_limit_is_stored() -> None:
    text = "x" * (MAX_BYTES - 1) + "y"
    async with raw(stream(delta(text[:1000]), delta(text[1000:]), delta(finish_reason="stop"))) as (_, url):
        assert kind_of(await ask_once(url, max_answer_bytes=MAX_BYTES)) == ("Answer", text)


async def test_the_limit_counts_bytes() -> None:
    text = "\u20ac" * (MAX_BYTES // 3)
    async with raw(stream(delta(text), delta("\u20ac"), delta(finish_reason="stop"))) as (_, url):
        assert kind_of(await ask_once(url, max_answer_bytes=MAX_BYTES)) == ("JobRejected", "AnswerTooLarge")


async def test_a_plain_completion_of_many_escapes_is_stored() -> None:
    text = "\n" * (MAX_BYTES - 10)
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    async with raw(message(200, gzip.compress(json.dumps(body).encode()), "Content-Encoding: gzip")) as (_, url):
        assert kind_of(await ask_once(url, max_answer_bytes=MAX_BYTES)) == ("Answer", text)
