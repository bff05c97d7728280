"""`greenscale submit --file`: many prompts at once."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from greenscale_cli.batch import CHUNK_LINES
from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobQueue, JobState, Parameters, Turn
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
    assert "1 turn before the prompt" in greenscale("jobs", "show", "j").stdout


def test_half_an_object_in_a_jsonl_file_is_no_prompt(greenscale: Greenscale, client: JobClient, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "whole"}\nmpt": "half"}\n')
    ran = greenscale("submit", "--file", "p.jsonl")

    assert (ran.returncode, waiting(client)) == (Exit.USAGE, ["whole"])
    assert "line 2: it is no JSON object" in ran.stderr


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


@pytest.mark.parametrize("words", [("--id", "j"), ("--stream",), ("--in", "1m"), ("-o", "json"), ("a prompt",)])
def test_what_is_for_one_prompt_is_refused_beside_a_file(refused: Refused, words: tuple[str, ...]) -> None:
    assert "does not go with it" in refused(Exit.USAGE, "submit", *words, "--file", "-")


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
    answers = sorted((told["line"], told["state"], told["result"]) for told in map(json.loads, ran.stdout.splitlines()))

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
