"""The same file sent by the command and by the page gives the same jobs."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from greenscale_dashboard.view.batch import Batch, read_file
from greenscale_jobs import Job, JobClient, JobState, Parameters
from greenscale_jobs.file_kinds import RefusedFile
from greenscale_jobs.prompt_files import MAX_JSON_BYTES
from greenscale_jobs.records import MAX_ITEM_BYTES, MAX_PROMPT_BYTES

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]

SYSTEM = "Be brief."
PARAMETERS = Parameters(max_tokens=9, system=SYSTEM)

ROOM = MAX_PROMPT_BYTES - len(SYSTEM)
"""For a prompt beside that system text."""

OBJECTS = b"""\
{"prompt": "a", "id": "row-1", "parameters": {"maxTokens": 3}}
{"prompt": "b", "history": [{"role": "user", "content": "before"}]}
half"}
{"prompt": "again", "id": "row-1"}
{"prompt": "a", "id": "row-1", "parameters": {"maxTokens": 3}}
{"prompt": "of a newer version", "v": 2}
{"prompt": "c", "id": "no id!"}
{"prompt": "last", "id": 7}
"""

ROWS = b"""\
id,prompt,maxTokens,temperature
row-1,"a, ""b"" and
c",100.0,0.5
,d,,
row-1,another,,
row-3,e
,f,many,
"""


def sent_by_the_page(client: JobClient, name: str, content: bytes) -> Batch:
    batch = read_file(io.BytesIO(content), PARAMETERS, name=name)
    for _ in batch.feed(client):
        pass
    return batch


def jobs(client: JobClient) -> list[tuple[object, ...]]:
    """Return all that a file decides of its jobs: the others' ids are drawn."""

    def decided(job: Job) -> tuple[object, ...]:
        job_id = job.id if len(job.id) < len("01234567890abcdefghij") else ""
        return job_id, job.prompt, job.parameters, job.history

    return [decided(job) for job in client.jobs(JobState.WAITING, limit=100).jobs]


@pytest.mark.parametrize(
    ("name", "content", "count", "refused"),
    [
        pytest.param("p.jsonl", OBJECTS, 3, {3, 4, 6, 7}, id="JSON Lines"),
        pytest.param("p.csv", ROWS, 2, {5, 6, 7}, id="CSV"),
        pytest.param("p.json", b'["a", {"prompt": "b", "id": "x"}, 3, {"prompt": " "}]', 2, {3, 4}, id="JSON"),
        pytest.param("p.txt", "one\n\n{broken\nä\n".encode("utf-16"), 2, {3}, id="lines in UTF-16"),
        pytest.param("p.txt", b"x" * ROOM + b"\n" + b"x" * (ROOM + 1), 1, {2}, id="1 MiB"),
        pytest.param(
            "p.jsonl",
            b'{"prompt":"a"}\n{"prompt":"b","x":"' + b"x" * MAX_ITEM_BYTES + b'"}\n{"prompt":"c"}',
            2,
            {2},
            id="a line that is too long",
        ),
    ],
)
def test_the_same_file_gives_the_same_jobs(
    greenscale: Greenscale,
    client: JobClient,
    raw: redis.Redis,
    tmp_path: Path,
    name: str,
    content: bytes,
    count: int,
    refused: set[int],
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = greenscale("submit", "--file", name, "--max-tokens", "9", "--system", SYSTEM)
    by_command, named = jobs(client), [line for line in ran.stderr.splitlines() if ": " in line][:-1]
    raw.flushdb()
    batch = sent_by_the_page(client, name, content)

    assert jobs(client) == by_command
    assert len(by_command) == count
    assert {line.number for line in batch.broken} == refused
    unit = "element" if name == "p.json" else "line"
    assert {f"greenscale: {unit} {line.number}: {line.why}" for line in batch.broken} == set(named)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("p.csv", b"question\na\n", id="CSV without a prompt"),
        pytest.param("p.txt", b'[\n"a"]', id="an array as text"),
        pytest.param("p.json", b'["' + b"x" * MAX_JSON_BYTES + b'"]', id="a JSON document that is too large"),
    ],
)
def test_the_same_file_is_refused_in_the_same_words(
    greenscale: Greenscale, client: JobClient, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = greenscale("submit", "--file", name)
    with pytest.raises(RefusedFile) as refusal:
        sent_by_the_page(client, name, content)

    assert ran.stderr == f"greenscale: --file {name} {refusal.value}\n"
