"""`greenscale submit --file`: many prompts at once."""

import datetime as dt
import json
import subprocess
import time
from collections.abc import Callable

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobQueue, JobState, Parameters, Turn
from greenscale_testing.prompt_lines import lines, waiting

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Refused = Callable[..., str]

BROKEN = '\ufeffone\n\n{"prompt": "two", "id": "t", "parameters": {"maxTokens": 3}}\n{"prompt": 3}\n'.encode() + (
    b'\xff\n{broken\n{"prompt": "again", "id": "t"}\r\nlast'
)


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


@pytest.mark.parametrize(
    "words", [("--id", "j"), ("--stream",), ("--idempotency-key", "k"), ("-o", "json"), ("a prompt",)]
)
def test_what_is_for_one_prompt_is_refused_beside_a_file(refused: Refused, words: tuple[str, ...]) -> None:
    assert "cannot be combined with it" in refused(Exit.USAGE, "submit", *words, "--file", "-")


@pytest.mark.parametrize("words", [("--format", "csv"), ("--key-prefix", "p")], ids=" ".join)
def test_what_is_for_a_file_is_refused_beside_a_prompt(refused: Refused, words: tuple[str, ...]) -> None:
    assert f"{words[0]} cannot be combined with it" in refused(Exit.USAGE, "submit", "hi", *words)


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
