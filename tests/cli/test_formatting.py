"""Ages and foreign texts, as a terminal shows them."""

import pytest

from greenscale_cli.formatting import age, excerpt, harmless


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(None, "-", id="not known"),
        pytest.param(1003, "0.0 s", id="a clock that runs behind"),
        pytest.param(800, "3 min", id="as a duration"),
    ],
)
def test_an_age(since: float | None, expected: str) -> None:
    assert age(since, now=1000) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("héllo ✓ 漢字 🙂", "héllo ✓ 漢字 🙂", id="any script is kept"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tab and newline are kept"),
        pytest.param("\x1b[31mred", "�[31mred", id="an escape sequence"),
        pytest.param("\x9b31mred", "�31mred", id="an eight-bit escape sequence"),
        pytest.param("said\rDONE", "said�DONE", id="a carriage return"),
        pytest.param("\x00\x07\x08\x7f", "����", id="null, bell, backspace, delete"),
        pytest.param("user\u202etxt.exe\u2066", "user�txt.exe�", id="marks that turn the direction"),
    ],
)
def test_a_foreign_text_cannot_steer_the_terminal(text: str, expected: str) -> None:
    assert harmless(text) == expected


@pytest.mark.parametrize(
    ("text", "max_chars", "expected"),
    [
        pytest.param(None, 10, "-", id="not there"),
        pytest.param("", 10, "", id="empty"),
        pytest.param(" one\n\ttwo ", 10, "one two", id="one line"),
        pytest.param("0123456789", 10, "0123456789", id="as long as allowed"),
        pytest.param("0123456789a", 10, "012345678…", id="longer than allowed"),
        pytest.param("\x1b[2J", 10, "�[2J", id="harmless"),
        pytest.param(" " * 1_000_000, 10, "", id="a megabyte of blanks"),
    ],
)
def test_an_excerpt_is_one_short_harmless_line(text: str | None, max_chars: int, expected: str) -> None:
    assert excerpt(text, max_chars) == expected
