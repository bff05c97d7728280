"""What `greenscale local` refuses before it starts anything. The other commands need less than it to be installed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from greenscale_cli.exits import Exit

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("place", ["file/below", "/proc/none", "/dev/null", "x" * 300])
def test_a_run_directory_that_cannot_be_made_is_named(greenscale: Greenscale, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    ran = greenscale("local", "--no-page", "--run-dir", place)

    assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr.startswith(f"greenscale local: --run-dir {place} cannot be used: ")
    assert len(ran.stderr.splitlines()) == 1
    assert "Traceback" not in greenscale("logs", "--run-dir", place, REDIS_HOST="", REDIS_PORT="").stderr


def test_a_file_of_the_environment_that_is_no_text_is_named(greenscale: Greenscale, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    ran = greenscale("local", "--no-page")

    assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
    assert "the file .env cannot be read: 'utf-8' codec" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
