"""`greenscale jobs`: look at jobs, cancel them, send dead ones again."""

import json
import subprocess
import time
from collections.abc import Callable

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_cli.jobs import SEARCH_BATCH
from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, Usage, new_item
from greenscale_testing.local_redis import Clock

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

STATES = ("running", "waiting", "delayed", "dead", "done")


@pytest.fixture
async def one_of_each(queue: JobQueue, clock: Clock) -> None:
    """Jobs in every state, each called by it."""
    for job_id in (*STATES, "cancelled"):
        await queue.submit(f"prompt of {job_id}", job_id=job_id)
    claims = {claim.id: claim for claim in await queue.claim("w-1", 6) or []}
    outcome = Outcome(model="echo", usage=Usage(3, 4), first_token_at=1_700_000_000.5)
    await queue.finish([Finished(claims["done"], "the answer", outcome)])
    await queue.bury(claims["dead"], "Refused", "the server answered 400")
    await queue.retry(claims["delayed"], "Overloaded", "the server answered 503", delay_seconds=600)
    await queue.release(claims["waiting"])
    await queue.release(claims["cancelled"])
    clock.advance(1)
    await queue.cancel("cancelled")


def listed(ran: "subprocess.CompletedProcess[str]") -> list[str]:
    assert (ran.returncode, ran.stderr) == (0, "")
    return [job["id"] for job in json.loads(ran.stdout)]


@pytest.mark.usefixtures("one_of_each")
def test_jobs_are_listed_by_state(greenscale: Greenscale) -> None:
    assert listed(greenscale("jobs", "list", "-o", "json")) == [
        "running",
        "waiting",
        "delayed",
        "dead",
        "cancelled",
        "done",
    ]


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("state", [*STATES, "cancelled"])
def test_one_state_is_listed(greenscale: Greenscale, state: str) -> None:
    expected = ["cancelled", "done"] if state == "done" else [state]

    assert listed(greenscale("jobs", "list", "--state", state, "-o", "json")) == expected


@pytest.mark.usefixtures("one_of_each")
def test_the_table_says_how_each_job_ended(greenscale: Greenscale) -> None:
    header, _, *rows = greenscale("jobs", "list").stdout.splitlines()
    end = header.index("ANSWER")
    ends = {row.split()[0]: row[end:].strip() for row in rows}

    assert header.split() == ["ID", "STATE", "AGE", "PROMPT", "ANSWER", "OR", "ERROR"]
    assert ends == {
        "running": "",
        "waiting": "",
        "delayed": "Overloaded: the server answered 503",
        "dead": "Refused: the server answered 400",
        "done": "the answer",
        "cancelled": "",
    }


def test_no_jobs_are_said_so(greenscale: Greenscale) -> None:
    assert greenscale("jobs", "list").stdout == "No jobs.\n"
    assert listed(greenscale("jobs", "list", "-o", "json")) == []


def test_a_limit_says_how_many_there_are(greenscale: Greenscale, client: JobClient) -> None:
    for number in range(3):
        client.submit(f"{number}")
    ran = greenscale("jobs", "list", "--limit", "2")

    assert len(ran.stdout.splitlines()) == 4
    assert ran.stderr == "There are more (waiting): raise --limit to see them.\n"


@pytest.mark.usefixtures("one_of_each")
def test_a_list_may_be_a_line_for_each_job(greenscale: Greenscale) -> None:
    lines = greenscale("jobs", "list", "-o", "jsonl").stdout.splitlines()

    assert [json.loads(line) for line in lines] == json.loads(greenscale("jobs", "list", "-o", "json").stdout)


@pytest.mark.usefixtures("one_of_each")
def test_jobs_are_found_by_text(greenscale: Greenscale) -> None:
    assert listed(greenscale("jobs", "list", "--text", "OF d", "-o", "json")) == ["delayed", "dead", "done"]
    assert listed(greenscale("jobs", "list", "--text", "answered 400", "-o", "json")) == ["dead"]
    assert listed(greenscale("jobs", "list", "--text", "nowhere", "-o", "json")) == []


def test_a_text_that_is_too_long_to_look_for_is_refused(refused: Refused) -> None:
    assert "search for a part of it" in refused(Exit.USAGE, "jobs", "list", "--text", "a" * 1001)


def test_jobs_are_found_by_time(greenscale: Greenscale, client: JobClient, raw: redis.Redis) -> None:
    for job_id, hours in (("old", 5), ("mid", 3), ("new", 1)):
        client.submit("hi", job_id=job_id)
        raw.hset(f"jobs:job:{job_id}", "submittedAt", f"{time.time() - 3600 * hours:.3f}")

    assert listed(greenscale("jobs", "list", "--since", "4h", "-o", "json")) == ["mid", "new"]
    assert listed(greenscale("jobs", "list", "--since", "4h", "--until", "2h", "-o", "json")) == ["mid"]
    assert listed(greenscale("jobs", "list", "--until", "2020-01-01T00:00", "-o", "json")) == []


def test_a_time_that_is_none_is_named(refused: Refused) -> None:
    fault = refused(Exit.USAGE, "jobs", "list", "--since", "yesterday")

    assert fault == "--since 'yesterday' is not a valid time: use 2h, 30m, 1d, or 2026-11-26T09:00"


async def test_a_cancelled_job_is_found_behind_many_that_are_done(
    greenscale: Greenscale, queue: JobQueue, clock: Clock
) -> None:
    await queue.submit("hi", job_id="early")
    await queue.cancel("early")
    clock.advance(1)
    await queue.submit_many([new_item(f"{number}") for number in range(SEARCH_BATCH)])
    claims = await queue.claim("w", SEARCH_BATCH) or []
    await queue.finish([Finished(claim, "answer", Outcome()) for claim in claims])

    assert listed(greenscale("jobs", "list", "--state", "cancelled", "--limit", "1", "-o", "json")) == ["early"]


def test_a_text_that_another_program_pushed_is_listed(greenscale: Greenscale, raw: redis.Redis) -> None:
    """What it holds must not steer the terminal of whoever looks."""
    raw.lpush("jobs", "\x1b[2J[bold]from redis-cli\nand more")
    ran = greenscale("jobs", "list")

    assert "(no id yet)" in ran.stdout
    assert "�[2J[bold]from redis-cli and more" in ran.stdout


@pytest.mark.usefixtures("one_of_each")
def test_a_job_is_shown_whole(greenscale: Greenscale) -> None:
    job = json.loads(greenscale("jobs", "show", "done", "-o", "json").stdout)

    assert {job.pop(name)[-1] for name in ("submittedAt", "claimedAt", "finishedAt")} == {"Z"}
    assert job == {
        "id": "done",
        "state": "done",
        "prompt": "prompt of done",
        "parameters": {},
        "attempts": 1,
        "worker": "w-1",
        "result": "the answer",
        "outcome": {
            "model": "echo",
            "usage": {"promptTokens": 3, "completionTokens": 4},
            "firstTokenAt": "2023-11-14T22:13:20.500Z",
        },
        "errors": [],
    }


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(
    ("job_id", "rows"),
    [
        ("done", {"state": "done", "prompt": "prompt of done", "answer": "the answer", "worker": "w-1"}),
        ("dead", {"state": "dead", "attempts": "1", "attempt 1": "Refused: the server answered 400"}),
        ("delayed", {"state": "delayed", "attempt 1": "Overloaded: the server answered 503"}),
    ],
)
def test_a_jobs_life_is_shown_as_a_table(greenscale: Greenscale, job_id: str, rows: dict[str, str]) -> None:
    lines = greenscale("jobs", "show", job_id).stdout.splitlines()
    output = {name.strip(): value.strip() for name, _, value in (line.partition("  ") for line in lines)}

    assert output | rows == output
    assert ("due again" in output) == (job_id == "delayed")


@pytest.mark.usefixtures("one_of_each")
def test_jobs_are_cancelled(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("jobs", "cancel", "waiting", "delayed", "running")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "waiting is cancelled\ndelayed is cancelled\nrunning is being cancelled\n"
    assert client.job("running").cancelling
    assert {client.job(job_id).state for job_id in ("waiting", "delayed")} == {JobState.CANCELLED}
    assert "running (being cancelled)" in greenscale("jobs", "show", "running").stdout


@pytest.mark.usefixtures("one_of_each")
def test_one_that_cannot_be_cancelled_holds_up_no_other(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("jobs", "cancel", "nope", "done", "waiting")

    assert (ran.returncode, ran.stdout) == (Exit.UNKNOWN, "waiting is cancelled\n")
    assert ran.stderr == (
        "greenscale: no job has the id nope: it never existed here, or its result has expired; "
        "job done is already done\n"
    )
    assert client.job("waiting").state is JobState.CANCELLED


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(
    ("job_id", "status", "stdout", "stderr"),
    [
        ("done", Exit.DONE, "the answer\n", ""),
        ("cancelled", Exit.CANCELLED, "", "greenscale: job cancelled was cancelled\n"),
        (
            "dead",
            Exit.FAILED,
            "",
            (
                "greenscale: job dead failed after 1 attempt: Refused: the server answered 400. "
                "Retry: greenscale jobs retry dead\n"
            ),
        ),
        (
            "nope",
            Exit.UNKNOWN,
            "",
            "greenscale: no job has the id nope: it never existed here, or its result has expired\n",
        ),
    ],
)
def test_a_job_is_waited_for_after_it_was_sent(
    greenscale: Greenscale, job_id: str, status: Exit, stdout: str, stderr: str
) -> None:
    ran = greenscale("jobs", "wait", job_id)

    assert (ran.returncode, ran.stdout, ran.stderr) == (status, stdout, stderr)


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("job_id", ["done", "dead", "cancelled"])
def test_what_has_ended_is_not_cancelled(refused: Refused, job_id: str) -> None:
    assert refused(Exit.USAGE, "jobs", "cancel", job_id) == f"job {job_id} is already {job_id}"


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_job_is_named(refused: Refused, command: str) -> None:
    fault = refused(Exit.UNKNOWN, "jobs", command, "nope")

    assert fault == "no job has the id nope: it never existed here, or its result has expired"
