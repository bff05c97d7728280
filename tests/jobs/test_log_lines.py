"""A line of a log, as the operator and the worker write it."""

import json

import pytest

from greenscale_jobs import RedisAddress
from greenscale_jobs.log_lines import json_line, text_line, timestamp

AT = timestamp(1_700_000_000.25)


def test_a_time_has_milliseconds() -> None:
    """Of the second in between only the milliseconds change."""
    assert [timestamp(1_700_000_000 + more) for more in (0, 0.9994, 1.5)] == [
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:13:20.999Z",
        "2023-11-14T22:13:21.500Z",
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param("shop/w", "shop/w", id="a word"),
        pytest.param(2.5, "2.5", id="a number"),
        pytest.param(None, "None", id="nothing"),
        pytest.param("", '""', id="an empty text"),
        pytest.param("it said: no", '"it said: no"', id="several words"),
        pytest.param('a"b', r'"a\"b"', id="a quote"),
        pytest.param("a\nb", r'"a\nb"', id="two lines"),
        pytest.param("ünïcode", "ünïcode", id="a word of another script"),
        pytest.param("\x1b[31mred", r'"\u001b[31mred"', id="an escape sequence"),
        pytest.param("\x9b31mred", r'"\u009b31mred"', id="an eight-bit escape sequence"),
    ],
)
def test_a_value_stays_one_word_and_cannot_steer_a_terminal(value: object, written: str) -> None:
    assert text_line(AT, "info", "done", {"value": value}) == f"2023-11-14T22:13:20.250Z info done value={written}"


def test_json_keeps_numbers_and_writes_others_as_their_text() -> None:
    """An address has a text without its password."""
    address = RedisAddress("redis", 6379, 0, password="sesame")
    line = json_line(AT, "info", "started", {"redis": address, "jobs": 2, "why": None}, common={"worker": "w-1"})

    assert json.loads(line) == {
        "time": AT,
        "level": "info",
        "event": "started",
        "worker": "w-1",
        "redis": "redis:6379",
        "jobs": 2,
        "why": None,
    }
