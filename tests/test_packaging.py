"""What `pyproject.toml` declares is what the code imports, and one version stands everywhere."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest

from greenscale_jobs.version import __version__

ROOT = Path(__file__).parents[1]

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PACKAGES: dict[str, tuple[str, ...]] = {
    "jobs": ("jobs/greenscale_jobs",),
    "operator": ("operator/greenscale_operator",),
    "worker": ("worker/greenscale_worker",),
    "dashboard": ("dashboard/greenscale_dashboard",),
    "cli": ("cli/greenscale_cli", "operator/greenscale_operator/schema.py"),
}
"""What is imported with each extra."""

ELSEWHERE = {"operator": "operator/greenscale_operator/schema.py"}
"""What stands in a part's folder and is only imported with another extra: the command alone checks files."""

CARRIERS = {"jobs/greenscale_jobs/connection/environment.py": ("worker", "dashboard", "cli")}
"""What is imported late, and only by parts whose extras must bring what it needs."""


def declared(extra: str) -> set[str]:
    """Return the names of the distributions that an extra brings directly, with those of every installation."""
    requirements = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"].get(extra, [])]
    return {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}


def imported(file: Path) -> set[str]:
    """Return the names of the distributions that a module imports, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
    outside = {module for module in modules - sys.stdlib_module_names if not module.startswith("greenscale_")}
    return {packages_distributions()[module][0].lower() for module in outside}


def modules(part: str) -> list[Path]:
    found = [
        file
        for place in PACKAGES[part]
        for file in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
    ]
    return [file for file in found if ELSEWHERE.get(part) != str(file.relative_to(ROOT))]


@pytest.mark.parametrize("part", PACKAGES)
def test_each_direct_import_is_declared(part: str) -> None:
    """What another package happens to bring may be gone with its next release."""
    for file in modules(part):
        for extra in CARRIERS.get(str(file.relative_to(ROOT)), (part,)):
            assert imported(file) <= declared(extra), f"{file.relative_to(ROOT)}, extra {extra}"


@pytest.mark.parametrize("part", ["operator", "worker", "dashboard", "cli"])
def test_each_declared_package_is_imported(part: str) -> None:
    """An extra brings nothing that nobody uses; `tzdata` is read by `zoneinfo`."""
    files = [*modules(part), *(ROOT / file for file, extras in CARRIERS.items() if part in extras)]
    used = set().union(*(imported(file) for file in files)) | {"tzdata"}

    assert declared(part) - declared("") <= used


def test_the_command_needs_neither_the_page_nor_a_model() -> None:
    assert not declared("cli") & {"streamlit", "altair", "pandas", "openai"}


def hidden(*packages: str, argument: str) -> "subprocess.CompletedProcess[str]":
    """Run the `greenscale` command as if these packages were not installed."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({packages}))\n"
        "from greenscale_cli.entry import main; sys.argv = ['greenscale', sys.argv[1]]; main()"
    )
    return subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("package", "argument", "line"),
    [
        ("typer", "version", "greenscale: the package typer is missing: pip install 'greenscale[cli]'\n"),
        ("yaml", "local", "greenscale: the package yaml is missing: pip install 'greenscale[cli]'\n"),
        ("streamlit", "local", "greenscale: local mode needs the package streamlit: pip install 'greenscale[local]'\n"),
    ],
)
def test_a_missing_package_is_one_line_that_names_the_extra(package: str, argument: str, line: str) -> None:
    ran = hidden(package, argument=argument)

    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", line)


def test_the_command_runs_without_what_only_local_mode_needs() -> None:
    ran = hidden("streamlit", "altair", "pandas", "openai", argument="version")

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_installed_version_is_that_of_the_source() -> None:
    assert version("greenscale") == __version__


def test_every_image_that_is_shipped_or_documented_has_this_version() -> None:
    """One place sets the version; the files that cannot read it are held equal here."""
    files = [
        file
        for pattern in (
            "*.md",
            "docs/*.md",
            "Dockerfile.*",
            "deploy/**/*.yaml",
            "examples/*.yaml",
            "operator/**/*.py",
        )
        for file in ROOT.glob(pattern)
    ]
    tags = {
        (str(file.relative_to(ROOT)), tag)
        for file in files
        for tag in re.findall(r"greenscale-(?:worker|operator|dashboard|\$part):([\w.-]+)", file.read_text())
    }

    assert {tag for _, tag in tags} == {__version__}, sorted(tags)
    assert len(tags) >= 7, sorted(tags)


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert versions[0] == __version__
