"""`greenscale submit --file` that was stopped, or is repeated: it goes on, and sends nothing twice."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobQueue, JobState
from greenscale_jobs.sending import CHUNK_LINES
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.prompt_lines import lines, waiting

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


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
