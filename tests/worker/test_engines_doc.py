"""docs/engines.md has the rows of the code, all of them and no other."""

import re
from pathlib import Path

import pytest

from greenscale_worker.errors import EngineError
from greenscale_worker.outcomes.endings import BREAKS, ENDINGS
from greenscale_worker.outcomes.judge import Place, judge_break, judge_ending
from greenscale_worker.outcomes.refusals import REFUSALS
from greenscale_worker.outcomes.rows import Row

DOC = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()

LINE = re.compile(r"^\| ([^|]+) \| [^|]+ \| (`\w+`(?:, later `\w+`)?) \| `(\w+)` \| [^|]+ \|$", re.MULTILINE)


def outcome_of(row: Row) -> str:
    later = f", later `{row.once_answered.__name__}`" if row.once_answered else ""
    return f"`{row.outcome.__name__}`{later}"


@pytest.mark.parametrize(
    ("heading", "rows"), [("Refusals", REFUSALS), ("Endings", ENDINGS), ("Broken connections", BREAKS)]
)
def test_the_documented_rows_are_those_of_the_code(heading: str, rows: tuple[Row, ...]) -> None:
    section = DOC.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    assert LINE.findall(section) == [(row.name, outcome_of(row), row.reason) for row in rows]


@pytest.mark.parametrize("name", [row.name for row in BREAKS])
def test_every_break_has_a_sentence(name: str) -> None:
    error = judge_break(name, place=Place(host="here", model="m"))

    assert isinstance(error, EngineError)
    assert "{" not in error.message


def test_the_limit_is_named_with_its_bytes() -> None:
    error = judge_ending("<too large>", has_text=True, place=Place(host="h", model="m"), max_answer_bytes=1234)

    assert error is not None
    assert "more than 1234 bytes" in error.message
