"""Output that cannot be written: one line, a status of its own, and the job's id is not lost."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from greenscale_cli import endpoint
from greenscale_cli.endpoint import Endpoint, RedisEndpoint
from greenscale_cli.exits import Exit
from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, RedisAddress
from greenscale_testing.instances import GREENSCALE

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]

NOT_WRITTEN = [
    pytest.param(">/dev/full", "stdout cannot be written: No space left on device", id="a full disk"),
    pytest.param(">&-", "stdout is closed", id="closed before"),
    pytest.param("| sleep 0", "the reader of stdout has closed it", id="a pipe that nobody reads"),
]


@pytest.fixture
def shell(environment: Mapping[str, str], tmp_path: Path) -> Shell:
    """Run the command in bash: `words` and then a redirection; the status is the command's."""

    def run(words: str, redirection: str, **more: str) -> "subprocess.CompletedProcess[str]":
        line = f"exec {GREENSCALE} {words} {redirection}"
        if redirection.startswith("|"):
            # The reader is gone before the command begins: it lets it go on by a FIFO.
            gate = tmp_path / "gate"
            gate.unlink(missing_ok=True)
            os.mkfifo(gate)
            start = f"{{ read -r _ <gate; exec {GREENSCALE} {words}; }}"
            line = f"{start} | {{ exec <&-; echo >gate; }}; exit ${{PIPESTATUS[0]}}"
        return subprocess.run(
            ["/bin/bash", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**environment, **more},
            timeout=30,
        )

    return run


def one_line(ran: "subprocess.CompletedProcess[str]") -> str:
    (line,) = ran.stderr.splitlines()
    assert line.startswith("greenscale: ")
    return line.removeprefix("greenscale: ")


@pytest.mark.parametrize(("redirection", "why"), NOT_WRITTEN)
def test_the_id_of_a_job_that_was_sent_is_not_lost(shell: Shell, client: JobClient, redirection: str, why: str) -> None:
    ran = shell("submit hi", redirection)
    (job,) = client.jobs(JobState.WAITING).jobs

    assert (ran.returncode, one_line(ran)) == (Exit.OUTPUT, f"{why}; job {job.id} is in the queue")


@pytest.mark.parametrize(
    "words", ["submit hi -o json", "jobs list", "jobs list -o jsonl", "status", "version", "--help"]
)
@pytest.mark.parametrize(("redirection", "why"), NOT_WRITTEN)
def test_each_command_ends_in_a_line(shell: Shell, client: JobClient, words: str, redirection: str, why: str) -> None:
    client.submit("hi")
    ran = shell(words, redirection)

    assert (ran.returncode, one_line(ran)[: len(why)]) == (Exit.OUTPUT, why)


@pytest.mark.parametrize("how", ["--wait", "--stream", "--wait -o json"])
async def test_an_answer_that_cannot_be_written_can_be_asked_for_again(
    shell: Shell, greenscale: Greenscale, queue: JobQueue, how: str
) -> None:
    await answered(queue, "the answer")
    ran = shell(f"submit hi --idempotency-key k {how}", ">/dev/full")
    line = one_line(ran)

    assert ran.returncode == Exit.OUTPUT
    assert greenscale(*shlex.split(line.split("`")[1])[1:]).stdout == "the answer\n"


@pytest.mark.parametrize(("redirection", "why"), NOT_WRITTEN)
def test_a_file_of_prompts_says_what_is_in(
    shell: Shell, greenscale: Greenscale, tmp_path: Path, redirection: str, why: str
) -> None:
    (tmp_path / "prompts.txt").write_text("one\ntwo\n")
    ran = shell("submit --file prompts.txt", redirection)
    line = one_line(ran)
    listed = greenscale(*shlex.split(line.split("`")[1])[1:]).stdout.splitlines()

    assert (ran.returncode, line[: len(why)]) == (Exit.OUTPUT, why)
    assert "2 prompts are in" in line
    assert [json.loads(line)["prompt"] for line in listed] == ["one", "two"]


async def answered(queue: JobQueue, text: str) -> None:
    await queue.submit("hi", idempotency_key="k")
    (claim,) = await queue.claim("w") or []
    await queue.emit([(claim, text)])
    await queue.finish([Finished(claim, text, Outcome())])


@pytest.mark.parametrize("how", ["--wait", "--stream"])
@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1"])
async def test_an_answer_that_an_encoding_lacks_is_not_falsified(
    greenscale: Greenscale, queue: JobQueue, how: str, encoding: str
) -> None:
    await answered(queue, "漢字 ✓")
    ran = greenscale("submit", "hi", "--idempotency-key", "k", how, PYTHONIOENCODING=encoding)

    assert (ran.returncode, ran.stdout) == (Exit.OUTPUT, "")
    assert f"stdout's encoding ({encoding}) lacks characters of this text: set PYTHONIOENCODING=utf-8" in one_line(ran)
    assert "jobs wait k-" in ran.stderr


async def test_documents_and_tables_go_through_any_encoding(greenscale: Greenscale, queue: JobQueue) -> None:
    await answered(queue, "漢字 ✓")
    ran = greenscale("submit", "hi", "--idempotency-key", "k", "--wait", "-o", "json", PYTHONIOENCODING="ascii")
    listed = greenscale("jobs", "list", PYTHONIOENCODING="ascii")

    assert json.loads(ran.stdout)["result"] == "漢字 ✓"
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "\\u6f22\\u5b57" in listed.stdout


async def test_the_c_locale_takes_every_character(greenscale: Greenscale, queue: JobQueue) -> None:
    await answered(queue, "😀")
    ran = greenscale("submit", "hi", "--idempotency-key", "k", "--wait", LC_ALL="C", LANG="")

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "😀\n", "")


def test_a_stderr_that_cannot_be_written_changes_nothing(shell: Shell, client: JobClient) -> None:
    for redirection in ("2>&-", "2>/dev/full"):
        assert shell("jobs show nothing", redirection).returncode == Exit.UNKNOWN
    ran = shell("submit hi", "2>&-")

    assert (ran.returncode, ran.stdout.strip()) == (0, client.jobs(JobState.WAITING).jobs[0].id)


def test_a_closed_stdin_is_an_empty_one(shell: Shell) -> None:
    ran = shell("submit -", "<&-")

    assert (ran.returncode, one_line(ran)) == (Exit.USAGE, "the prompt is empty")


def test_a_working_directory_that_was_deleted_is_no_obstacle(environment: Mapping[str, str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    def run(words: str) -> "subprocess.CompletedProcess[str]":
        line = f"cd {gone} && mkdir -p {gone} && rmdir {gone}; exec {GREENSCALE} {words}"
        gone.mkdir(exist_ok=True)
        return subprocess.run(
            ["/bin/bash", "-c", line], capture_output=True, text=True, check=False, env=environment, timeout=30
        )

    assert run("submit hi").returncode == 0
    assert "Traceback" not in run("logs").stderr
    local = run("local --no-page")
    assert (local.returncode, len(local.stderr.splitlines())) == (Exit.USAGE, 1)


def test_nobody_needs_a_home(environment: Mapping[str, str], tmp_path: Path) -> None:
    """A container may run as a user whom /etc/passwd does not know."""
    ran = subprocess.run(
        [GREENSCALE, "doctor"], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("file", ["none.jsonl", ".", "/dev/mem-none", "x" * 300])
def test_a_file_that_cannot_be_read_is_named(greenscale: Greenscale, file: str) -> None:
    ran = greenscale("submit", "--file", file)

    assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
    assert one_line(ran).startswith(f"--file {file} cannot be read: ")


def test_ctrl_c_while_a_prompt_is_typed_ends_quietly(start: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = start("submit", "-")
    assert process.stdin is not None
    process.stdin.write("half a ")
    process.stdin.flush()
    while "read" not in Path(f"/proc/{process.pid}/wchan").read_text() and not _reads_stdin(process.pid):
        pass
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)

    assert (process.returncode, stderr) == (Exit.INTERRUPTED, "")


def _reads_stdin(pid: int) -> bool:
    """Whether it waits for a pipe: the first word of `syscall` is read's number, the second its file."""
    words = Path(f"/proc/{pid}/syscall").read_text().split()
    return words[:2] == ["0", "0x0"]


def test_logs_whose_reader_is_gone_end_in_a_line(shell: Shell, tmp_path: Path, address: RedisAddress) -> None:
    logs = tmp_path / ".greenscale" / "logs"
    logs.mkdir(parents=True)
    endpoint.write(logs.parent, Endpoint(RedisEndpoint(address.host, address.port), None, os.getpid()))
    (logs / "assistant-1.log").write_text("a line\n")
    ran = shell("logs --follow", "| sleep 0", REDIS_HOST="", REDIS_PORT="")

    assert (ran.returncode, one_line(ran)) == (Exit.OUTPUT, "the reader of stdout has closed it")
