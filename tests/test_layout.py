"""What holds for the folders, whatever is in them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("flags", [["-c"], ["-I", "-c"]], ids=["from the checkout", "isolated"])
def test_operator_is_still_the_standard_librarys(flags: list[str]) -> None:
    """One `operator/__init__.py`, and no Python program starts in this folder any more."""
    run = subprocess.run(
        [sys.executable, *flags, "import operator; print(operator.__file__, operator.add(1, 2))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert not run.stdout.startswith(str(ROOT / "operator"))
    assert run.stdout.endswith(" 3\n")
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("part", ["jobs", "operator", "worker", "dashboard", "cli"])
def test_every_part_is_installed_from_its_folder(part: str) -> None:
    """A misspelt folder in pyproject.toml is skipped in silence."""
    module = importlib.import_module(f"greenscale_{part}")

    assert module.__file__ == str(ROOT / part / f"greenscale_{part}" / "__init__.py")


@pytest.mark.parametrize("entry", ["worker/worker.py", "dashboard/app.py"])
def test_the_entry_points_only_start_their_package(entry: str) -> None:
    body = ast.parse((ROOT / entry).read_text()).body

    assert len(body) <= 4, "a docstring, an import, a guard and a call: all else belongs in the package"


def test_echo_does_not_import_openai() -> None:
    """Half a second of start-up, for nothing."""
    code = "import sys, greenscale_worker.main, greenscale_worker.runners.echo; print('openai' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "False\n"
