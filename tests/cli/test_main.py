"""The `greenscale` command as a whole: its help, its version, how it takes wrong usage."""

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version

import pytest
import typer

from greenscale_cli.exits import HELP, STATUSES, Exit
from greenscale_cli.main import app
from greenscale_jobs import InvalidItem, QueueError, QueueUnavailable

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]


def commands(command: object, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of this command and of all below it."""
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *words, name)


@pytest.mark.parametrize("words", list(commands(typer.main.get_command(app))), ids=lambda words: " ".join(words) or "-")
def test_each_command_explains_itself(greenscale: Greenscale, words: tuple[str, ...]) -> None:
    ran = greenscale(*words, "--help")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split()[: 2 + len(words)] == ["Usage:", "greenscale", *words]
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize("words", list(commands(typer.main.get_command(app))), ids=lambda words: " ".join(words) or "-")
def test_each_command_has_an_example(greenscale: Greenscale, words: tuple[str, ...]) -> None:
    """One learns a command from a line that one can copy."""
    help_text = " ".join(greenscale(*words, "--help", COLUMNS="200").stdout.split())
    has_commands = "─ Commands ─" in help_text

    assert has_commands or f"$ greenscale {' '.join(words)}" in help_text


def test_the_help_tells_every_exit_status() -> None:
    assert {int(number) for number in re.findall(r"\b(\d+) ", HELP)} == set(Exit)


def test_every_error_of_the_queue_has_an_exit_status() -> None:
    """One without would be a traceback."""
    assert {*QueueError.__subclasses__(), *QueueUnavailable.__subclasses__(), InvalidItem} == set(STATUSES)


def test_the_version_is_reported(greenscale: Greenscale) -> None:
    ran = greenscale("version")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"greenscale {version('greenscale')} (Python 3.")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        pytest.param(["sumbit", "hi"], "No such command 'sumbit'", id="an unknown command"),
        pytest.param(["status", "--all"], "No such option: --all", id="an unknown option"),
        pytest.param(["submit", "hi", "--temperature", "7"], "less than or equal to 2", id="a number too high"),
        pytest.param(["submit", "hi", "-o", "yaml"], "'table', 'json'", id="an unknown format"),
        pytest.param(["jobs", "list", "--state", "lost"], "'lost' is not one of 'waiting'", id="an unknown state"),
        pytest.param(["jobs", "list", "--limit", "0"], "greater than or equal to 1", id="a limit of none"),
        pytest.param(["jobs", "cancel"], "Missing argument 'ID'", id="no job"),
    ],
)
def test_wrong_usage_is_reported_on_stderr(greenscale: Greenscale, words: list[str], fault: str) -> None:
    ran = greenscale(*words)

    assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
    assert fault in ran.stderr
    assert "Traceback" not in ran.stderr
