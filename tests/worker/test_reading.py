"""Whatever bytes come: an answer, a fault or an error, and nothing that Redis could not store."""

import random
from typing import Any

import pytest

from greenscale_testing.raw_server import DONE, USAGE, delta, event
from greenscale_worker.chat_completions.reading import Reading
from greenscale_worker.outcomes.bodies import read_error

CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
EVENTS: list[str | dict[str, Any]] = [
    delta("one"),
    delta([{"type": "text", "text": "\u00e9\U0001f600"}]),
    delta(tool_calls=[CALL]),
    delta(refusal="no"),
    delta(finish_reason="stop"),
    USAGE,
    DONE,
    {"error": {"message": "x", "code": 429}},
]
STREAM = b"".join(event(one) for one in EVENTS)
VALUES = [b"null", b"[]", b"{}", b"5", b'"x"', b'"\\ud83d"', b"true", b"1e999", b"NaN", b"-1"]
TOKENS = [*VALUES, b"\\ud83d", b"\n", b"\r", b"\xff", b":", b"data:", b"error: x", b"[DONE]"]
PLACES = [b'"one"', b'"stop"', b"[]", b"3", b'"x"', b"429", b'"served"', b"0", b'"a"', b'"no"']


def damaged(draw: random.Random) -> bytes:
    data = STREAM.replace(draw.choice(PLACES), draw.choice(VALUES)) if draw.random() < 0.5 else STREAM
    for _ in range(draw.randint(0, 3)):
        place = draw.randrange(len(data))
        data = data[:place] + draw.choice(TOKENS) + data[place + draw.choice([0, 1, 3, 8]) :]
    return data


@pytest.mark.parametrize("seed", range(8))
def test_any_bytes_are_read_to_an_end(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    for _ in range(500):
        data = damaged(draw)
        pieces: list[str] = []
        reading = Reading(pieces.append, max_bytes=draw.choice([5, 1024 * 1024]))
        while data and not reading.failed:
            size = draw.choice([1, 3, 50, 5000])
            reading.feed(data[:size])
            data = data[size:]
        if not reading.failed:
            reading.end()
        answer = reading.answer()
        "".join([*pieces, answer.text, answer.model or "", answer.finish_reason or "", reading.ending or ""]).encode()
        read_error(reading.error)


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_json_of_any_depth_is_refused(depth: int) -> None:
    reading = Reading(lambda _: None, max_bytes=1024)
    reading.feed(b'data: {"choices": [{"delta": {"content": ' + b"[" * depth + b"]" * depth + b"}}]}\n\n")

    assert reading.problem == "<malformed>"
