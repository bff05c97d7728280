"""`greenscale submit --file`: which forms of a file are read, and which are refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient
from greenscale_testing.prompt_lines import waiting

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def test_half_an_object_in_a_jsonl_file_is_no_prompt(greenscale: Greenscale, client: JobClient, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "whole"}\nmpt": "half"}\n')
    ran = greenscale("submit", "--file", "p.jsonl")

    assert (ran.returncode, waiting(client)) == (Exit.USAGE, ["whole"])
    assert "line 2: it is not a JSON object" in ran.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(
            "p.txt", "one\ntwo\n".encode("utf-16-le"), "is not text: it has a NUL byte in line 1", id="UTF-16"
        ),
        pytest.param(
            "p.txt",
            b"one\n" * 5000 + b"t\0o\n",
            "is not text: it has a NUL byte in line 5001",
            id="a NUL byte far behind",
        ),
        pytest.param(
            "p.jsonl", b'{"prompt": "a"}\n\0\0\0', "is not text: it has a NUL byte in line 2", id="a tail of NUL bytes"
        ),
        pytest.param("p.xlsx", b"PK\x03\x04...", "is a zip archive", id="a spreadsheet"),
        pytest.param("p.jsonl.gz", b"\x1f\x8b\x08...", "is compressed with gzip", id="gzip"),
        pytest.param("p.txt", b"%PDF-1.7\n...", "is a PDF", id="a PDF"),
        pytest.param("p.txt", b'[\n  {"prompt": "a"},\n]', "looks like a JSON array", id="an array as text"),
        pytest.param("-", b'["a",\n"b"]', "looks like a JSON array", id="an array on stdin"),
        pytest.param("-", b"id,prompt\n1,a\n", "looks like CSV", id="CSV on stdin"),
        pytest.param("p.json", b'[{"prompt": "a"', "is not valid JSON", id="half an array"),
        pytest.param("p.csv", b"question\na\n", "must name its columns", id="CSV without a prompt"),
        pytest.param("p.csv", b"prompt,label\na,b\n", "has the column 'label'", id="CSV with another column"),
    ],
)
def test_what_is_no_file_of_prompts_is_refused_before_anything_is_sent(
    refused: Refused, client: JobClient, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / "p").write_bytes(content)
    if name != "-":
        (tmp_path / "p").rename(tmp_path / name)
    fault = refused(Exit.USAGE, "submit", "--file", name, stdin=content)

    assert fault.startswith(f"--file {name} {said}")
    assert client.stats().counters == {}


@pytest.mark.parametrize(
    ("name", "content", "words", "expected"),
    [
        pytest.param("P.JSONL", b'{"prompt": "a"}\n', (), ["a"], id="a suffix in capitals"),
        pytest.param("p.json", b'[\n  {\n    "prompt": "a"\n  },\n  "b"\n]', (), ["a", "b"], id="a pretty array"),
        pytest.param("p.json", b'{"prompt": "a"}\n{"prompt": "b"}\n', (), ["a", "b"], id="JSON Lines called .json"),
        pytest.param("p.csv", b'prompt,id\r\n"a, ""b""",x\r\n"c\nd",y\r\n', (), ['a, "b"', "c\nd"], id="CSV"),
        pytest.param("P.TSV", b"id\tPrompt\n1\ta\n", (), ["a"], id="TSV"),
        pytest.param("p.csv", b"prompt;temperature\na;0.5\n", (), ["a"], id="semicolons"),
        pytest.param("p.txt", "a\nä\n".encode("utf-16"), (), ["a", "ä"], id="UTF-16 with its mark"),
        pytest.param("p.csv", "prompt\nä\n".encode("utf-32"), (), ["ä"], id="UTF-32 with its mark"),
        pytest.param("-", b'{"prompt": "a"}\n', ("--format", "jsonl"), ["a"], id="JSON Lines on stdin"),
        pytest.param("-", b'["a"]', ("--format", "json"), ["a"], id="an array on stdin"),
        pytest.param("-", b"prompt\na\n", ("--format", "csv"), ["a"], id="CSV on stdin"),
        pytest.param("-", b"prompt\na\n", ("--format", "text"), ["prompt", "a"], id="lines on stdin"),
        pytest.param("p.jsonl", b"a\n", ("--format", "text"), ["a"], id="the format before the suffix"),
    ],
)
def test_each_form_of_a_file_is_read(
    greenscale: Greenscale,
    client: JobClient,
    tmp_path: Path,
    name: str,
    content: bytes,
    words: tuple[str, ...],
    expected: list[str],
) -> None:
    if name != "-":
        (tmp_path / name).write_bytes(content)
    ran = greenscale("submit", "--file", name, *words, stdin=content)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert waiting(client) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param('{"messages": [{"role": "user", "content": "a"}]}', "an OpenAI request", id="a request"),
        pytest.param(
            '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}',
            "an OpenAI request or batch line",
            id="a batch line",
        ),
        pytest.param('{"text": "a"}', "unknown field `text`", id="another field"),
        pytest.param('pt": "half"}', "it is not a JSON object", id="half a line"),
        pytest.param("[", "it is not a JSON object", id="an array"),
    ],
)
def test_an_object_of_another_kind_is_named_with_what_is_accepted(
    greenscale: Greenscale, client: JobClient, line: str, said: str
) -> None:
    """The first line makes it a file of objects: what is none is not sent as a prompt."""
    ran = greenscale("submit", "--file", "-", stdin=f'{{"prompt": "whole"}}\n{line}\n')

    assert (ran.returncode, waiting(client)) == (Exit.USAGE, ["whole"])
    assert ran.stderr.startswith(f"greenscale: line 2: {said}") or said in ran.stderr.splitlines()[0]
    assert '"prompt"' in ran.stderr or "allowed are prompt, id, parameters" in ran.stderr


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        pytest.param("hi".encode("utf-16-le"), "stdin is not text: it has a NUL byte", id="UTF-16"),
        pytest.param(b"\x1f\x8b\x08", "stdin is compressed with gzip", id="gzip"),
    ],
)
def test_one_prompt_from_stdin_is_text(refused: Refused, stdin: bytes, said: str) -> None:
    assert refused(Exit.USAGE, "submit", "-", stdin=stdin).startswith(said)


def test_one_prompt_may_have_a_byte_order_mark(greenscale: Greenscale, client: JobClient) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        assert greenscale("submit", "-", stdin="hü".encode(encoding)).returncode == 0

    assert waiting(client) == ["hü", "hü"]


def test_a_file_that_is_not_there_is_named(refused: Refused) -> None:
    fault = refused(Exit.USAGE, "submit", "--file", "none.txt")

    assert fault == "--file none.txt cannot be read: No such file or directory"
