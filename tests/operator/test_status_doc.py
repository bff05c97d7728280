"""docs/status.md says how long everything may take: as the code has it."""

import importlib
import re
from pathlib import Path

import pytest

ROW = re.compile(r"^\| `(\w+)\.([\w.]+)` \| (\d+) \|", re.MULTILINE)

TIMES = ROW.findall((Path(__file__).parents[2] / "docs" / "status.md").read_text())


def test_the_table_is_found() -> None:
    assert len(TIMES) > 10


@pytest.mark.parametrize(("module", "path", "seconds"), TIMES)
def test_a_time_is_the_codes(module: str, path: str, seconds: str) -> None:
    value = importlib.import_module(f"greenscale_operator.{module}")
    owner, _, field = path.rpartition(".")
    if owner:
        defaults = dict(zip(*_fields(getattr(value, owner)), strict=True))
        assert defaults[field] == int(seconds)
    else:
        assert getattr(value, path) == int(seconds)


def _fields(struct: type) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """Return a struct's fields that have a default, and these."""
    defaults = struct.__struct_defaults__  # type: ignore[attr-defined]
    return struct.__struct_fields__[-len(defaults) :], defaults  # type: ignore[attr-defined]
