"""`greenscale submit`: one prompt into the queue, and its answer if one waits."""

import datetime as dt
import json
import signal
import subprocess
from collections.abc import Callable

import msgspec
import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, Parameters, WorkloadStatus
from greenscale_jobs.records import MAX_PROMPT_BYTES
from greenscale_testing.board import publish
from greenscale_testing.local_redis import RedisServer

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
StartWorker = Callable[..., None]
Refused = Callable[..., str]

LONG = " ".join("word" for _ in range(400))
"""Echo says it in 20 s."""


def the_only_job(client: JobClient) -> str:
    """Wait until a job is there and return its id."""
    with redis.Redis(port=client.address.port) as plain:
        # What is moved onto itself stays where it is.
        assert plain.blmove("jobs", "jobs", 20, "RIGHT", "RIGHT")
    (job,) = client.jobs(JobState.WAITING).jobs
    return job.id


def test_a_prompt_is_sent_and_its_id_is_printed(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("submit", "Why is the sky blue?")
    job = client.job(ran.stdout.removesuffix("\n"))

    assert (ran.returncode, ran.stderr) == (0, "")
    assert (job.state, job.prompt) == (JobState.WAITING, "Why is the sky blue?")


@pytest.mark.parametrize("words", [("-",), ()], ids=["a dash", "nothing"])
def test_the_prompt_may_come_from_stdin(greenscale: Greenscale, client: JobClient, words: tuple[str, ...]) -> None:
    ran = greenscale("submit", *words, stdin="two\nlines, ünd 漢字\n")

    assert client.job(ran.stdout.strip()).prompt == "two\nlines, ünd 漢字\n"


def test_the_longest_prompt_is_taken(greenscale: Greenscale, client: JobClient) -> None:
    ran = greenscale("submit", "-", stdin=b"x" * MAX_PROMPT_BYTES)

    assert client.job(ran.stdout.strip()).prompt == "x" * MAX_PROMPT_BYTES


def test_a_request_has_its_own_id_and_parameters(greenscale: Greenscale, client: JobClient) -> None:
    options = ["--id", "mine-1", "--max-tokens", "7", "--temperature", "0.5", "--system", "Be brief."]
    ran = greenscale("submit", "hi", *options)

    assert ran.stdout == "mine-1\n"
    assert client.job("mine-1").parameters == Parameters(7, 0.5, "Be brief.")


async def test_a_prompt_goes_to_the_workload_that_is_named(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    await publish(queue, msgspec.structs.replace(workload, name="chat", list_name="chats"))
    ran = greenscale("submit", "hi", "--workload", "default/chat")

    with JobClient(queue.address, "chats") as chats:
        assert chats.job(ran.stdout.strip()).prompt == "hi"


def test_the_job_is_one_json_document(greenscale: Greenscale) -> None:
    ran = greenscale("submit", "hi ✓", "--id", "mine-1", "-o", "json")
    job = json.loads(ran.stdout)

    assert job.pop("submittedAt").endswith("Z")
    assert job == {
        "id": "mine-1",
        "state": "waiting",
        "prompt": "hi ✓",
        "parameters": {},
        "ahead": 0,
        "errors": [],
    }


@pytest.mark.parametrize("how", ["--wait", "--stream"])
def test_the_answer_alone_is_on_stdout(greenscale: Greenscale, start_worker: StartWorker, how: str) -> None:
    """Where no person watches nothing is drawn: not a control character, and stderr stays empty."""
    start_worker()
    ran = greenscale("submit", "one two three", how)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "one two three\n", "")


def test_the_answered_job_is_one_json_document(greenscale: Greenscale, start_worker: StartWorker) -> None:
    start_worker()
    ran = greenscale("submit", "one two", "--wait", "-o", "json")
    job = json.loads(ran.stdout)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert (job["state"], job["result"], job["worker"], job["attempts"]) == ("done", "one two", "w-1", 1)
    assert job["outcome"]["firstTokenAt"].endswith("Z")


def test_a_stream_is_printed_while_it_is_written(start: Start, start_worker: StartWorker, client: JobClient) -> None:
    process = start("submit", LONG, "--stream")
    job_id = the_only_job(client)
    start_worker()
    assert process.stdout is not None

    assert process.stdout.read(9) == "word word"
    assert client.job(job_id).state is JobState.RUNNING


async def test_what_an_attempt_that_broke_off_wrote_is_marked(start: Start, queue: JobQueue) -> None:
    """Half an answer and a whole one would look like one; what went into a pipe cannot be taken back."""
    process = start("submit", "hi", "--stream", "--id", "j")
    assert process.stdout is not None
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.emit([(claim, "one tw")])
    assert process.stdout.read(6) == "one tw"
    await queue.release(claim)
    (again,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.emit([(again, "one two")])
    await queue.finish([Finished(again, "one two three", Outcome())])
    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stdout) == (0, "\n[the attempt broke off; retrying]\none two three\n")
    assert stderr == ""


async def test_a_stream_that_ends_without_an_answer_is_marked(start: Start, queue: JobQueue) -> None:
    process = start("submit", "hi", "--stream", "--id", "j")
    assert process.stdout is not None
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.emit([(claim, "half")])
    assert process.stdout.read(4) == "half"
    await queue.bury(claim, "Refused", "the server answered 400")
    stdout, _ = process.communicate(timeout=20)

    assert (process.returncode, stdout) == (Exit.FAILED, "\n[the attempt broke off]\n")


async def test_whoever_comes_later_sees_only_the_last_attempt(greenscale: Greenscale, queue: JobQueue) -> None:
    await queue.submit("hi", job_id="j")
    for text in ("first ", "second ", "third"):
        (claim,) = await queue.claim("w") or []
        await queue.emit([(claim, text)])
        if text != "third":
            await queue.release(claim)
    await queue.finish([Finished(claim, "third one", Outcome())])

    assert greenscale("jobs", "wait", "--stream", "j").stdout == "third one\n"


async def test_a_stream_that_lacks_the_answers_beginning_is_marked(
    start: Start, queue: JobQueue, raw: redis.Redis
) -> None:
    """Events may expire or be damaged: what was stored is the answer."""
    process = start("submit", "hi", "--stream", "--id", "j")
    assert process.stdout is not None
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    raw.xadd("jobs:events:j", {"type": "delta", "attempt": "1", "text": "half"})
    assert process.stdout.read(4) == "half"
    await queue.finish([Finished(claim, "another", Outcome())])
    stdout, _ = process.communicate(timeout=20)

    assert stdout == "\n[the attempt broke off; retrying]\nanother\n"


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS"])
@pytest.mark.parametrize("words", [("--wait",), ("--stream",), ("--wait", "-o", "json")], ids=" ".join)
async def test_an_answer_that_was_cut_off_is_said_to_be(
    greenscale: Greenscale, queue: JobQueue, words: tuple[str, ...], reason: str
) -> None:
    await queue.submit("hi", idempotency_key="k")
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "one tw", Outcome(finish_reason=reason))])
    ran = greenscale("submit", "hi", "--idempotency-key", "k", *words)

    assert (ran.returncode, "one tw" in ran.stdout) == (0, True)
    assert ran.stderr.startswith("greenscale: the answer was cut off at maxTokens: ")
    assert "cut off" in greenscale("jobs", "show", claim.id).stdout


async def test_answers_of_a_file_that_were_cut_off_are_counted(start: Start, queue: JobQueue) -> None:
    process = start("submit", "--file", "-", "--wait")
    assert process.stdin is not None
    process.stdin.write("one\ntwo\n")
    process.stdin.close()
    process.stdin = None
    for reason in ("length", "stop"):
        (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
        await queue.finish([Finished(claim, "a", Outcome(finish_reason=reason))])
    _, stderr = process.communicate(timeout=20)

    assert stderr.startswith("greenscale: 1 of 2 answers were cut off at maxTokens")


@pytest.mark.parametrize("words", [("hi",), ("--file", "-")], ids=["a prompt", "a file"])
def test_a_redis_that_may_throw_jobs_away_is_warned_of(
    greenscale: Greenscale, own_redis: RedisServer, words: tuple[str, ...]
) -> None:
    own_redis.start()
    own_redis.say("CONFIG", "SET", "maxmemory", "100mb")
    own_redis.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    ran = greenscale("submit", *words, stdin="hi\n", REDIS_PORT=str(own_redis.address.port))

    assert (ran.returncode, len(ran.stdout.split())) == (0, 1)
    assert ran.stderr == (
        f"greenscale: warning: Redis at {own_redis.address} throws jobs or results away when its memory is full: "
        "set maxmemory-policy to noeviction, not allkeys-lru\n"
    )


@pytest.mark.parametrize("how", ["--wait", "--stream"])
async def test_a_job_that_fails_says_why_and_how_to_send_it_again(start: Start, queue: JobQueue, how: str) -> None:
    process = start("submit", "hi", "--id", "j", how)
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.bury(claim, "Refused", "the server answered 400")
    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stdout) == (Exit.FAILED, "")
    assert stderr == (
        "greenscale: job j failed after 1 attempt: Refused: the server answered 400. Retry: greenscale jobs retry j\n"
    )


async def test_a_job_that_fails_is_one_json_document_too(start: Start, queue: JobQueue) -> None:
    process = start("submit", "hi", "--id", "j", "--wait", "-o", "json")
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.bury(claim, "Refused", "the server answered 400")
    stdout, _ = process.communicate(timeout=20)
    job = json.loads(stdout)
    (error,) = job["errors"]

    assert (process.returncode, job["state"]) == (Exit.FAILED, "dead")
    assert (error["reason"], error["at"][-1]) == ("Refused", "Z")


def test_a_job_that_is_cancelled_has_a_status_of_its_own(start: Start, client: JobClient) -> None:
    process = start("submit", "hi", "--id", "j", "--wait")
    the_only_job(client)
    client.cancel("j")
    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stdout, stderr) == (Exit.CANCELLED, "", "greenscale: job j was cancelled\n")


def test_ctrl_c_leaves_the_job_and_says_where_it_is(start: Start, start_worker: StartWorker, client: JobClient) -> None:
    process = start("submit", LONG, "--wait", "--id", "j")
    the_only_job(client)
    start_worker()
    next(event for event in client.events("j") if event.type == "delta")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stdout) == (Exit.INTERRUPTED, "")
    assert stderr == (
        "greenscale: job j is not cancelled; wait for it with `greenscale jobs wait j`, "
        "cancel it with `greenscale jobs cancel j`\n"
    )
    assert client.job("j").state is JobState.RUNNING


@pytest.mark.parametrize(
    ("words", "stdin", "fault"),
    [
        pytest.param([""], b"", "the prompt is empty", id="an empty prompt"),
        pytest.param([" \n\t"], b"", "the prompt is empty", id="a blank prompt"),
        pytest.param(["-"], b"", "the prompt is empty", id="an empty stdin"),
        pytest.param(["-"], b"x" * (MAX_PROMPT_BYTES + 1), "exceeds the limit of 1048576 bytes", id="a byte too much"),
        pytest.param(["-"], b"caf\xe9", "stdin is not UTF-8 (byte 3)", id="another encoding"),
        pytest.param([b"caf\xe9"], b"", "it is not valid Unicode", id="another encoding in the command's line"),
        pytest.param(["hi", "--id", "a b"], b"", "'a b' is not a valid job id: it must have", id="an id with a blank"),
        pytest.param(
            ["hi", "--stream", "-o", "json"], b"", "cannot be combined with --stream", id="a stream as one document"
        ),
        pytest.param(
            ["hi", "-w", "x"], b"", "no workload is called x; known workloads: none", id="an unknown workload"
        ),
    ],
)
def test_what_can_never_run_is_refused(
    refused: Refused, client: JobClient, words: list[str], stdin: bytes, fault: str
) -> None:
    status = Exit.UNKNOWN if "-w" in words else Exit.USAGE

    assert fault in refused(status, "submit", *words, stdin=stdin)
    assert client.stats().counters == {}


def test_an_id_is_taken_once(refused: Refused, client: JobClient) -> None:
    """Whoever sends again after a lost connection must not be answered, and billed, twice."""
    client.submit("hi", job_id="mine-1")

    assert "a job with the id mine-1 exists already" in refused(Exit.USAGE, "submit", "hi", "--id", "mine-1")
    assert client.stats().pending == 1


async def test_a_full_queue_says_its_limit(refused: Refused, queue: JobQueue) -> None:
    await queue.configure(max_length=1, result_ttl_seconds=60, paused=False)
    await queue.submit("first")

    assert "the queue is full: 1 of at most 1 jobs wait (queue.maxLength)" in refused(Exit.UNAVAILABLE, "submit", "hi")


@pytest.mark.parametrize(("option", "value"), [("--in", "10m"), ("--at", "")])
def test_a_prompt_for_later_waits_for_its_time(
    greenscale: Greenscale, client: JobClient, option: str, value: str
) -> None:
    """A time without a zone is this machine's."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    zone = dt.timezone(-dt.timedelta(hours=5))
    said = value if option == "--in" else at.astimezone(zone).replace(tzinfo=None).isoformat()
    ran = greenscale("submit", "hi", option, said, TZ="XYZ+5")
    job = client.job(ran.stdout.strip())
    output = greenscale("jobs", "show", job.id).stdout

    assert (job.state, job.attempts) == (JobState.DELAYED, 0)
    assert job.due_at == pytest.approx(at.timestamp(), abs=30)
    assert "\ndue " in output


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--in", "soon"), "--in 'soon' is not a valid duration: use 90s, 10m, 1h30m or 2d"),
        (("--at", "2020-01-01T09:00"), "--at '2020-01-01T09:00' is in the past"),
        (("--in", "1m", "--at", "2026-11-26T09:00"), "use --in or --at, not both"),
        (("--idempotency-key", ""), "'' is not a valid idempotency key"),
        (("--idempotency-key", "k", "--id", "mine"), "give an id or an idempotency key, not both"),
    ],
)
def test_a_wrong_time_or_key_is_refused(
    refused: Refused, client: JobClient, words: tuple[str, ...], fault: str
) -> None:
    assert fault in refused(Exit.USAGE, "submit", "hi", *words)
    assert client.stats().counters == {}


def test_the_same_key_gives_the_same_job(greenscale: Greenscale, refused: Refused, client: JobClient) -> None:
    first = greenscale("submit", "hi", "--idempotency-key", "order-7")
    again = greenscale("submit", "hi", "--idempotency-key", "order-7")

    assert (first.returncode, again.stdout) == (0, first.stdout)
    assert client.stats().pending == 1
    assert "the idempotency key 'order-7' stands for another prompt" in refused(
        Exit.USAGE, "submit", "other", "--idempotency-key", "order-7"
    )


def test_nothing_is_drawn_into_a_file_though_colours_are_forced(
    greenscale: Greenscale, start_worker: StartWorker
) -> None:
    """A CI sets FORCE_COLOR; its log is no terminal."""
    start_worker()

    assert greenscale("submit", "hi", "--wait", FORCE_COLOR="1").stderr == ""


async def test_what_an_engine_said_cannot_steer_the_terminal(start: Start, queue: JobQueue) -> None:
    process = start("submit", "hi", "--wait")
    (claim,) = await queue.claim_when_there("w", 1, seconds=20) or []
    await queue.bury(claim, "Refused", "the server answered \x1b[2J400")
    _, stderr = process.communicate(timeout=20)

    assert "Refused: the server answered \ufffd[2J400" in stderr
