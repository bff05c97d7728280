"""The parts' programs and arguments: they print their help, or refuse the argument. They do not start."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from greenscale_operator.settings import Settings as OperatorSettings
from greenscale_worker.settings import ELSEWHERE, Settings, known_variables, variable_of
from greenscale_worker.usage import ABOUT

ROOT = Path(__file__).parents[1]

PARTS = ["worker", "operator", "dashboard"]
REDIS = {f"REDIS_{name}" for name in ("HOST", "PORT", "DB", "USERNAME", "PASSWORD", "TLS", "CA")}
VARIABLE = re.compile(r"(?:GREENSCALE|REDIS|OPENAI)_[A-Z_]+")


def ran(part: str, *words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m` to its end, which it would not reach if it started."""
    command = [sys.executable, "-m", f"greenscale_{part}", *words]
    return subprocess.run(
        command, cwd=folder, env={"PATH": ""}, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("part", PARTS)
def test_help_is_printed(part: str, word: str, tmp_path: Path) -> None:
    helped = ran(part, word, folder=tmp_path)

    assert (helped.returncode, helped.stderr) == (0, "")
    assert helped.stdout.startswith(f"usage: python -m greenscale_{part}")


@pytest.mark.parametrize("words", [("--queue", "jobs"), ("work",), ("--",), ("",)])
@pytest.mark.parametrize("part", ["worker", "operator"])
def test_an_argument_is_refused(part: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever names a queue so would have a worker on another one."""
    refused = ran(part, *words, folder=tmp_path)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"greenscale-{part}: it takes no arguments ({words[0]}): all settings come from the environment, "
        "--help lists the variables\n"
    )


@pytest.mark.parametrize("words", [(), ("--server.port=1",)])
def test_the_page_asks_for_its_file(words: tuple[str, ...], tmp_path: Path) -> None:
    refused = ran("dashboard", *words, folder=tmp_path)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "greenscale_dashboard: name the page's app.py first; --help has an example\n"


def test_the_workers_help_names_each_variable() -> None:
    assert set(VARIABLE.findall(ABOUT)) == REDIS | known_variables()


def test_the_workers_help_has_the_defaults() -> None:
    for field in msgspec.structs.fields(Settings):
        if field.name not in ELSEWHERE and field.default not in {msgspec.NODEFAULT, None, "", 0}:
            (line,) = re.findall(rf"^  {variable_of(field.name)} .*$", ABOUT, re.MULTILINE)
            assert str(field.default) in line


def test_the_operators_help_names_each_variable(tmp_path: Path) -> None:
    named = set(VARIABLE.findall(ran("operator", "--help", folder=tmp_path).stdout))

    assert named == {f"GREENSCALE_{field.name.upper()}" for field in msgspec.structs.fields(OperatorSettings)}


def test_the_pages_help_names_each_variable(tmp_path: Path) -> None:
    sources = "".join(file.read_text() for file in (ROOT / "dashboard" / "greenscale_dashboard").glob("*.py"))
    named = set(VARIABLE.findall(ran("dashboard", "--help", folder=tmp_path).stdout))

    assert {name for name in VARIABLE.findall(sources) if not name.endswith(("_", "_FILE", "_LOCAL"))} <= named
