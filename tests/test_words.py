"""Plain English and one word per idea: words that were replaced do not come back. docs/glossary.md has the terms."""

import io
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

REPLACED_TEXT = {
    r"\btold\b": "reported, set, given; or the noun: status, condition, sample",
    r"\banew\b": "again; for objects: recreated",
    r"\blikewise\b": "in the same way, also",
    r"\bbelongs? into\b": "belongs in",
    r"(?<!there )\bis no (job id|YAML|JSON|idempotency key|length of time|time)\b": "is not a valid ...",
    r"\b(is|are|was|were|been) heard\b": "received, accepted, reported",
    r"\bhas (not )?said\b": "has reported",
    r"\bnobody (has told|tells)\b": "No report for ...",
    r"\blooked again for\b": "checked again",
    r"\bwhat is the case\b": "conditions, state",
    r"\bneeds? you\b": "needs attention",
    r"\bsee the dead\b|\b(send|sending|sends) (all |the )*dead (jobs )?again\b": "view or retry failed jobs",
    r"\bseveral prompts\b": "batch",
    r"\bit is the next\b": "next in line",
    r"\bprompts? before it\b": "jobs ahead",
    r"\bprompts? through\b": "finished",
    r"\bhalf at most\b": "p50, p95",
    r"\bbare queue\b": "queue without a workload",
    r"\bnot before so long\b": "delay before the job may start",
    r"\bat most so many\b": "maximum",
    r"\bask on\b|\bturns before go with it\b": "ask a follow-up",
    r"\b(is|are|being) worked on\b": "runs",
    r"\bredis is away\b": "Redis is unavailable; the event redis_unavailable",
    r"\bhand(s|ed)? back\b": "release, released",
}
"""Pattern, in any case -> what to write. Looked for in docs, comments, docstrings and strings."""

REPLACED_NAMES = {
    "told": "what it is: status, condition, sample, fields",
    "seen|shown|look|looks|LOOKS?|Look": "what it is: watch_cache, redaction, reconciliation, page, style",
    "lane|intent|rival|theirs|THEIRS": "fast_connection, drift, queue_owner, REDIS_ERRORS",
    "tend|tending|_tend": "maintain, maintenance",
    "past|Past|story|Story|life": "what it holds: last_hour, history, progress, timeline",
    "Fault": "Problem, CommandError",
    "NO_MORE": "NO_EXTRA_KEYS",
    r"(MOST|LONGEST)_\w+|(most|longest)_\w+": "MAX_..., max_...",
}
"""Whole name -> what to use. Looked for in the names of variables, functions, classes, parameters and modules."""

REPLACED_PARTS = re.compile(r"(?<![A-Za-z])(told|anew|likewise|tend|tended|tending|lane|rival)(?![A-Za-z])")
"""Looked for within names: `test_it_is_told`."""

EXCEPTIONS = {
    "tests/test_words.py": "has the words",
    "bench/results": "recorded output of older versions",
}
"""Path, or the folder above it -> why it may have the words."""

SKIPPED_FOLDERS = {"build", "artifacts", "node_modules", "__pycache__"}

SUFFIXES = {".py", ".md", ".lua", ".yaml", ".yml", ".toml", ".sh", ".in", ".cfg"}

NO_SUFFIX = {"Makefile", "Dockerfile.dashboard", "Dockerfile.operator", "Dockerfile.worker"}

NAMES = [(re.compile(f"_?(?:{names})"), advice) for names, advice in REPLACED_NAMES.items()]
TEXTS = [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in REPLACED_TEXT.items()]

STRINGS = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


class Finding(NamedTuple):
    """A replaced word in a file."""

    line: int
    word: str
    advice: str


def find_in_text(text: str, *, first_line: int = 1) -> Iterator[Finding]:
    """Yield the replaced words of a text. They may be broken over two lines."""
    joined = re.sub(r"\s", " ", text)
    for pattern, advice in TEXTS:
        for match in pattern.finditer(joined):
            yield Finding(first_line + text.count("\n", 0, match.start()), match[0], advice)


def find_in_name(name: str, *, line: int) -> Iterator[Finding]:
    for pattern, advice in NAMES:
        if pattern.fullmatch(name):
            yield Finding(line, name, advice)
            return
    if REPLACED_PARTS.search(name):
        yield Finding(line, name, "the usual word, as for the whole name")


def find_in_python(source: str) -> Iterator[Finding]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield from find_in_name(token.string, line=token.start[0])
        elif token.type in STRINGS:
            yield from find_in_text(token.string, first_line=token.start[0])


def find(path: Path) -> list[Finding]:
    """Return the replaced words of a file, and of its name."""
    source = path.read_text()
    found = find_in_python(source) if path.suffix == ".py" else find_in_text(source)
    return sorted({*found, *find_in_name(path.stem.removeprefix("test_"), line=0)})


def is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def files() -> Iterator[Path]:
    """Yield all files that people write, of every part."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        yield from (Path(folder, name) for name in names if Path(name).suffix in SUFFIXES or name in NO_SUFFIX)


CHECKED = sorted(
    str(path.relative_to(ROOT)) for path in files() if not is_in(str(path.relative_to(ROOT)), tuple(EXCEPTIONS))
)


@pytest.mark.parametrize("path", CHECKED)
def test_a_file_has_no_replaced_words(path: str) -> None:
    found = [f"{path}:{line}: {word}: write {advice}" for line, word, advice in find(ROOT / path)]

    assert not found, "\n".join(found)


def test_the_parts_are_checked() -> None:
    """A wrong root or a wrong pattern of files would check nothing, and pass."""
    assert {"README.md", "docs/queue.md", "dashboard/greenscale_dashboard/page.py", "cli/greenscale_cli/main.py"} <= {
        *CHECKED
    }


@pytest.mark.parametrize("place", EXCEPTIONS)
def test_every_exception_is_of_something(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("told = 1", ["told"], id="a variable"),
        pytest.param("def f(told): pass", ["told"], id="a parameter"),
        pytest.param("f(told=1)", ["told"], id="an argument"),
        pytest.param("class Fault: pass", ["Fault"], id="a class"),
        pytest.param("self._seen = MOST_LINES", ["_seen", "MOST_LINES"], id="an attribute and a constant"),
        pytest.param("# as told\nx = 1", ["told"], id="a comment"),
        pytest.param('"""A job.\n\nIt is made anew.\n"""', ["anew"], id="a docstring"),
        pytest.param('x = f"30 s unless told"', ["told"], id="an f-string"),
        pytest.param('x = "It is no YAML."', ["is no YAML"], id="an error"),
        pytest.param('"""What is\nthe case."""', ["What is the case"], id="over two lines"),
        pytest.param("def test_it_is_told(): pass", ["test_it_is_told"], id="a part of a name"),
        pytest.param('x = "There is no time."', [], id="there is none"),
        pytest.param('x = "seen by a worker"; unseen = past_due = 1', [], id="as a verb, or a part of a word"),
    ],
)
def test_replaced_words_are_found_in_python(source: str, words: list[str]) -> None:
    assert [finding.word for finding in find_in_python(source)] == words


@pytest.mark.parametrize(("text", "line"), [("One.\nTwo anew.\n", 2), ("Work that\nis worked\non.", 2)])
def test_a_finding_has_its_line(text: str, line: int) -> None:
    assert [finding.line for finding in find_in_text(text)] == [line]
