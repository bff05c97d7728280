"""`greenscale submit --file`: many prompts at once."""

import datetime as dt
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobQueue, JobState, Parameters, Turn
from greenscale_jobs.sending import CHUNK_LINES
from greenscale_testing.local_redis import RedisServer

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Refused = Callable[..., str]

BROKEN = '\ufeffone\n\n{"prompt": "two", "id": "t", "parameters": {"maxTokens": 3}}\n{"prompt": 3}\n'.encode() + (
    b'\xff\n{broken\n{"prompt": "again", "id": "t"}\r\nlast'
)


def lines(count: int) -> str:
    return "".join(f"prompt {number}\n" for number in range(1, count + 1))


def waiting(client: JobClient) -> list[str | None]:
    return [job.prompt for job in client.jobs(JobState.WAITING, limit=1000).jobs]


def test_each_line_is_a_prompt_and_goes_in_by_its_order(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("submit", "--file", "-", stdin=lines(3))

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == [job.id for job in client.jobs(JobState.WAITING).jobs]
    assert waiting(client) == ["prompt 1", "prompt 2", "prompt 3"]


def test_broken_lines_are_named_and_the_rest_goes_on(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("submit", "--file", "-", "--max-tokens", "9", "--system", "Be brief.", stdin=BROKEN)
    said = ran.stderr.splitlines()

    assert ran.returncode == Exit.USAGE
    assert [line.split(":")[1] for line in said[:-1]] == [" line 4", " line 5", " line 6", " line 7"]
    assert said[-1] == "greenscale: 3 prompts are in, 4 prompts are not: the lines are named above"
    assert waiting(client) == ["one", "two", "last"]
    assert client.job("t").parameters == Parameters(max_tokens=3, system="Be brief.")


def test_a_line_may_have_what_was_said_before(greenscale: Greenscale, client: JobClient) -> None:
    turn = '{"role": "user", "content": "Why is the sky blue?"}'
    ran = greenscale("submit", "--file", "-", stdin=f'{{"prompt": "And at dusk?", "id": "j", "history": [{turn}]}}')

    assert (ran.returncode, ran.stderr) == (0, "")
    assert client.job("j").history == (Turn("user", "Why is the sky blue?"),)
    assert "1 earlier turn" in greenscale("jobs", "show", "j").stdout


def test_half_an_object_in_a_jsonl_file_is_no_prompt(greenscale: Greenscale, client: JobClient, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "whole"}\nmpt": "half"}\n')
    ran = greenscale("submit", "--file", "p.jsonl")

    assert (ran.returncode, waiting(client)) == (Exit.USAGE, ["whole"])
    assert "line 2: it is not a JSON object" in ran.stderr


async def test_a_full_queue_says_where_to_go_on_and_that_does(
    greenscale: Greenscale, queue: JobQueue, client: JobClient, tmp_path: Path
) -> None:
    await queue.configure(max_length=7, result_ttl_seconds=60, paused=False)
    (tmp_path / "my prompts").write_text(lines(10))
    ran = greenscale("submit", "--file", "my prompts")
    command = ran.stderr.partition("go on with: ")[2].strip()
    await queue.configure(max_length=100, result_ttl_seconds=60, paused=False)

    assert (ran.returncode, len(ran.stdout.split())) == (Exit.UNAVAILABLE, 7)
    assert command == "tail -n +8 'my prompts' | greenscale submit --file -"
    greenscale("submit", "--file", "-", stdin=lines(10).split("\n", 7)[7])
    assert waiting(client) == lines(10).splitlines()


@pytest.mark.parametrize(
    "words", [("--id", "j"), ("--stream",), ("--idempotency-key", "k"), ("-o", "json"), ("a prompt",)]
)
def test_what_is_for_one_prompt_is_refused_beside_a_file(refused: Refused, words: tuple[str, ...]) -> None:
    assert "cannot be combined with it" in refused(Exit.USAGE, "submit", *words, "--file", "-")


@pytest.mark.parametrize("words", [("--format", "csv"), ("--key-prefix", "p")], ids=" ".join)
def test_what_is_for_a_file_is_refused_beside_a_prompt(refused: Refused, words: tuple[str, ...]) -> None:
    assert f"{words[0]} cannot be combined with it" in refused(Exit.USAGE, "submit", "hi", *words)


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


def test_a_rest_of_json_lines_goes_on_by_the_command_that_is_said(
    greenscale: Greenscale, client: JobClient, raw: redis.Redis, tmp_path: Path
) -> None:
    raw.hset("jobs:config", "maxLength", "2")
    (tmp_path / "p.jsonl").write_text("".join(f'{{"prompt": "{number}"}}\n' for number in range(1, 6)))
    ran = greenscale("submit", "--file", "p.jsonl")
    raw.hset("jobs:config", "maxLength", "10")
    command = ran.stderr.partition("go on with: ")[2].strip()
    rest = "".join((tmp_path / "p.jsonl").read_text().splitlines(keepends=True)[2:])

    assert command == "tail -n +3 p.jsonl | greenscale submit --file - --format jsonl"
    assert greenscale("submit", "--file", "-", "--format", "jsonl", stdin=rest).returncode == 0
    assert waiting(client) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("when", [("--in", "8h"), ("--at", "")], ids=["--in", "--at"])
def test_a_file_for_later_waits_for_its_time(greenscale: Greenscale, client: JobClient, when: tuple[str, str]) -> None:
    if when[0] == "--at":
        at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=8)
        when = ("--at", at.isoformat(timespec="seconds"))
    ran = greenscale("submit", "--file", "-", *when, stdin=lines(3))
    jobs = client.jobs(JobState.DELAYED).jobs

    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(job.prompt or "" for job in jobs) == ["prompt 1", "prompt 2", "prompt 3"]
    assert all(job.due_at == pytest.approx(time.time() + 8 * 3600, abs=60) for job in jobs)


@pytest.mark.parametrize("later", [(), ("--in", "8h")], ids=["now", "later"])
def test_the_same_file_with_a_key_prefix_is_sent_once(
    greenscale: Greenscale, client: JobClient, later: tuple[str, ...]
) -> None:
    words = ("submit", "--file", "-", "--key-prefix", "night-", *later)
    first = greenscale(*words, stdin=lines(1200))
    again = greenscale(*words, stdin=lines(1203))

    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
    assert again.stdout.splitlines()[:1200] == first.stdout.splitlines()
    assert client.stats().counters["submitted"] == 1203
    assert greenscale("submit", "prompt 7", "--idempotency-key", "night-7").stdout.strip() == first.stdout.split()[6]


def test_a_line_that_changed_under_its_key_is_refused(greenscale: Greenscale, client: JobClient) -> None:
    greenscale("submit", "--file", "-", "--key-prefix", "k", stdin=lines(3))
    ran = greenscale("submit", "--file", "-", "--key-prefix", "k", stdin="prompt 1\nanother\nprompt 3\n")

    assert (ran.returncode, client.stats().counters["submitted"]) == (Exit.USAGE, 3)
    assert ran.stderr.startswith("greenscale: line 2: the id k-")
    assert "stands for another prompt" in ran.stderr


def test_the_same_file_with_ids_of_its_own_is_sent_once(greenscale: Greenscale, client: JobClient) -> None:
    content = "".join(f'{{"id": "row-{number}", "prompt": "p"}}\n' for number in range(3))
    runs = [greenscale("submit", "--file", "-", stdin=content) for _ in range(2)]

    assert [(ran.returncode, ran.stdout) for ran in runs] == [(0, "row-0\nrow-1\nrow-2\n")] * 2
    assert client.stats().counters["submitted"] == 3


def test_a_key_prefix_that_cannot_be_one_is_named(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("submit", "--file", "-", "--key-prefix", "x" * 300, stdin="a\n")

    assert (ran.returncode, client.stats().counters) == (Exit.USAGE, {})
    assert "is not a valid idempotency key" in ran.stderr


def test_an_interrupted_file_with_a_key_prefix_goes_on_by_the_same_command(
    greenscale: Greenscale, client: JobClient, raw: redis.Redis
) -> None:
    raw.hset("jobs:config", "maxLength", "2")
    ran = greenscale("submit", "--file", "-", "--key-prefix", "k", stdin=lines(5))
    raw.hset("jobs:config", "maxLength", "10")
    greenscale("submit", "--file", "-", "--key-prefix", "k", stdin=lines(5))

    assert "go on with the same command" in ran.stderr
    assert waiting(client) == lines(5).splitlines()


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


def test_a_hundred_thousand_lines_go_in(greenscale: Greenscale, raw: redis.Redis) -> None:
    raw.hset("jobs:config", "maxLength", "100000")
    ran = greenscale("submit", "--file", "-", stdin=lines(100_000))

    assert (ran.returncode, ran.stderr, raw.llen("jobs")) == (0, "", 100_000)
    assert len(set(ran.stdout.split())) == 100_000


def test_answers_are_json_lines(greenscale: Greenscale, start_worker: Callable[..., None]) -> None:
    start_worker()
    ran = greenscale("submit", "--file", "-", "--wait", stdin=lines(120))
    answers = sorted(
        (answer["line"], answer["state"], answer["result"]) for answer in map(json.loads, ran.stdout.splitlines())
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert answers == [(number, "done", f"prompt {number}") for number in range(1, 121)]


async def test_one_that_fails_makes_the_status(start: Start, queue: JobQueue) -> None:
    process = start("submit", "--file", "-", "--wait")
    assert process.stdin is not None
    process.stdin.write(lines(2))
    process.stdin.close()
    process.stdin = None
    for _ in range(2):
        (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
        await queue.bury(claim, "Refused", "the server answered \x9b400")
    stdout, _ = process.communicate(timeout=20)

    assert process.returncode == Exit.FAILED
    assert "\x9b" not in stdout, "a terminal would take it for a command"
    assert [json.loads(line)["errors"][0]["message"] for line in stdout.splitlines()] == [
        "the server answered \x9b400"
    ] * 2


def test_ctrl_c_says_what_is_in(start: Start, client: JobClient, raw: redis.Redis) -> None:
    process = start("submit", "--file", "-")
    assert process.stdin is not None
    process.stdin.write(lines(CHUNK_LINES))
    process.stdin.flush()
    assert raw.blmove("jobs", "jobs", 20, "RIGHT", "RIGHT")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, len(stdout.split())) == (Exit.INTERRUPTED, CHUNK_LINES)
    assert stderr == (
        f"greenscale: {CHUNK_LINES} prompts are in, line {CHUNK_LINES + 1} and what follows is not; "
        f"go on at line {CHUNK_LINES + 1}\n"
    )
    assert client.stats().pending == CHUNK_LINES


def test_ctrl_c_leaves_those_that_wait_and_says_how_to_see_them(
    start: Start, greenscale: Greenscale, client: JobClient, raw: redis.Redis
) -> None:
    process = start("submit", "--file", "-", "--wait")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines(3))
    process.stdin.close()
    process.stdin = None
    assert raw.blmove("jobs", "jobs", 20, "RIGHT", "RIGHT")
    client.cancel(client.jobs(JobState.WAITING).jobs[0].id)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    said, command, _ = stderr.split("`")
    listed = greenscale(*command.split()[1:]).stdout.splitlines()

    assert process.returncode == Exit.INTERRUPTED
    assert said == "greenscale: 1 of 3 jobs have ended, the others go on: see them with "
    assert [json.loads(line)["prompt"] for line in listed] == ["prompt 2", "prompt 3", "prompt 1"]


def test_a_redis_that_is_lost_leaves_one_chunk_in_doubt(start: Start, own_redis: RedisServer) -> None:
    own_redis.start()
    process = start("submit", "--file", "-", "--redis", f"redis://{own_redis.address}")
    assert process.stdin is not None
    process.stdin.write(lines(CHUNK_LINES))
    process.stdin.flush()
    assert process.stdout is not None
    assert own_redis.process is not None
    assert all(process.stdout.readline() for _ in range(CHUNK_LINES))
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    process.stdin.write(lines(CHUNK_LINES))
    process.stdin.close()
    process.stdin = None
    try:
        _, stderr = process.communicate(timeout=20)
    finally:
        os.kill(own_redis.process.pid, signal.SIGCONT)

    first, last = CHUNK_LINES + 1, 2 * CHUNK_LINES
    assert process.returncode == Exit.UNAVAILABLE
    assert f"(lines {first} to {last} may be in, all or none: they are if `greenscale jobs show " in stderr
    assert f"then go on at {last + 1}): Redis at {own_redis.address} does not answer" in stderr
