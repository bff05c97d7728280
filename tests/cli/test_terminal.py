"""What a person at a terminal sees: a live line while a job waits, then its answer."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobQueue, WorkloadStatus
from greenscale_testing.board import publish
from greenscale_testing.terminal import Terminal

Open = Callable[..., Terminal]


@pytest.mark.parametrize("how", ["--wait", "--stream"])
def test_a_waiting_job_has_a_live_line_and_then_its_answer(
    terminal: Open, start_worker: Callable[..., None], how: str
) -> None:
    screen = terminal("submit", "one two three", how)
    screen.shows("next in line")
    start_worker()

    assert screen.ends() == 0
    assert screen.text.endswith("one two three\n")
    assert screen.written.count("\x1b[?25l") == screen.written.count("\x1b[?25h"), "the cursor is there again"


async def test_the_live_line_says_what_the_job_waits_for(
    terminal: Open, queue: JobQueue, client: JobClient, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    first = client.submit("first")
    screen = terminal("submit", "second", "--wait", "--id", "j")
    screen.shows("1 job ahead; asleep, about to wake")
    client.cancel(first)
    waking = msgspec.structs.replace(
        workload, state="Waking", waking_since=time.time() - 300, usual_wake_seconds=48.0, wakes=8
    )
    await publish(queue, waking)
    screen.shows("next in line; waking for 5 min, usually 48 s (median of 8 starts)")
    await queue.claim("w-1")
    screen.shows("running on w-1 for ")


@pytest.mark.parametrize("message", ["see [/var/log/w-1.log]", "[bold]not a style[/]"])
async def test_a_message_is_no_markup(terminal: Open, queue: JobQueue, workload: WorkloadStatus, message: str) -> None:
    """A worker's last line of log is in it, and that may hold anything."""
    await publish(queue, msgspec.structs.replace(workload, state="Degraded", message=message))

    terminal("submit", "hi", "--wait").shows(f"assistant is degraded: {message}")


def test_the_live_line_says_that_the_answer_is_being_written(terminal: Open, start_worker: Callable[..., None]) -> None:
    start_worker()
    screen = terminal("submit", "--wait", "word " * 60)
    screen.shows("; streaming, ")

    assert screen.ends() == 0


def test_an_answer_cannot_steer_the_terminal(terminal: Open, start_worker: Callable[..., None]) -> None:
    start_worker()
    screen = terminal("submit", "--stream", "\x1b]0;title\x07 \x1b[2J end")

    assert screen.ends() == 0
    assert screen.text.endswith("�]0;title� �[2J end\n")


def test_ctrl_c_ends_the_wait_and_brings_the_cursor_back(terminal: Open) -> None:
    screen = terminal("submit", "hi", "--wait", "--id", "j")
    screen.shows("next in line")
    screen.process.send_signal(signal.SIGINT)

    assert screen.ends() == Exit.INTERRUPTED
    assert screen.text.endswith("cancel it with `greenscale jobs cancel j`\n")
    assert screen.written.rindex("\x1b[?25h") > screen.written.rindex("\x1b[?25l")


def test_a_prompt_is_asked_for_at_a_terminal(terminal: Open, client: JobClient) -> None:
    screen = terminal("submit", "--id", "j")
    screen.shows("Type a prompt, then Ctrl-D:")
    screen.type("typed by hand\n\x04")

    assert screen.ends() == 0
    assert client.job("j").prompt == "typed by hand\n"


async def test_status_is_redrawn_until_ctrl_c(terminal: Open, queue: JobQueue, workload: WorkloadStatus) -> None:
    screen = terminal("status", "--watch")
    screen.shows("No workload is known here yet")
    await publish(queue, workload)
    screen.shows("ScaledToZero")
    await publish(queue, msgspec.structs.replace(workload, state="Active", replicas=3))
    screen.shows("3/4")
    screen.process.send_signal(signal.SIGINT)

    assert screen.ends() == 0
    assert screen.written.rindex("\x1b[?25h") > screen.written.rindex("\x1b[?25l")
    assert "Traceback" not in screen.text


async def test_status_never_clears_what_it_redraws(terminal: Open, queue: JobQueue, workload: WorkloadStatus) -> None:
    """A cell that is cleared before it is written flickers."""
    await publish(queue, workload)
    screen = terminal("status", "--watch")
    screen.shows("0/4")
    before = len(screen.written)
    await publish(queue, msgspec.structs.replace(workload, state="Active", replicas=3))
    screen.shows("3/4")

    assert "\x1b[H" in screen.written[before:]
    assert not re.search(r"\x1b\[[0-2]?[JK]", screen.written[before:])


async def test_a_narrow_terminal_keeps_numbers_whole_and_the_sentence_below(
    terminal: Open, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    screen = terminal("status", COLUMNS="80")

    assert screen.ends() == 0
    header, _, row, _, sentence = [line.rstrip() for line in screen.text.splitlines()]
    assert header.split() == ["NAME", "STATE", "REPLICAS", "PENDING", "RUNNING", "DELAYED", "DEAD", "OLDEST"]
    assert row.split() == ["assistant", "ScaledToZero", "0/4", "0", "0", "0", "0", "-"]
    assert sentence == "assistant: Nothing runs, nothing costs. A prompt wakes it."


def test_an_id_is_never_broken(terminal: Open, client: JobClient) -> None:
    """One copies it from there."""
    job_id = client.submit("a long prompt " * 20)
    screen = terminal("jobs", "list", COLUMNS="60")

    assert screen.ends() == 0
    assert len(screen.text.splitlines()) == 3
    assert screen.text.splitlines()[2].split()[0] == job_id


async def test_a_terminal_that_cannot_move_its_cursor_gets_a_table_below_the_other(
    terminal: Open, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    screen = terminal("status", "--watch", TERM="dumb")
    screen.shows("0/4")
    await publish(queue, msgspec.structs.replace(workload, state="Active", replicas=3))
    screen.shows("3/4")

    assert "\x1b" not in screen.written


async def test_states_have_colours_on_a_terminal_and_none_where_they_are_not_wanted(
    terminal: Open, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    coloured, plain = terminal("status"), terminal("status", NO_COLOR="1")

    assert (coloured.ends(), plain.ends()) == (0, 0)
    assert "\x1b[34mScaledToZero" in coloured.written
    assert "\x1b[3" not in plain.written
    assert "ScaledToZero" in plain.text


def test_a_file_of_prompts_has_a_bar_until_all_are_answered(
    terminal: Open, start_worker: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "prompts.txt").write_text("one\ntwo\n\x1b[2J three\n")
    screen = terminal("submit", "--file", "prompts.txt", "--wait")
    screen.shows("answered")
    start_worker()

    assert screen.ends() == 0
    assert screen.text.count('"state": "done"') == 3
    assert screen.written.rindex("\x1b[?25h") > screen.written.rindex("\x1b[?25l")


async def bury_three(queue: JobQueue) -> None:
    """Make dead jobs."""
    for _ in range(3):
        await queue.submit("hi")
    for claim in await queue.claim("w", 3) or []:
        await queue.bury(claim, "Refused", "400")


@pytest.mark.parametrize(("typed", "status", "dead"), [("y\n", 0, 0), ("\n", Exit.USAGE, 3), ("\x04", Exit.USAGE, 3)])
async def test_a_person_is_asked_before_all_dead_are_sent_again(
    terminal: Open, queue: JobQueue, typed: str, status: int, dead: int
) -> None:
    """Each of them may cost money."""
    await bury_three(queue)
    screen = terminal("jobs", "retry", "--all-dead")
    screen.shows("All 3 dead jobs of the list jobs will be retried. Continue? [y/N] ")
    screen.type(typed)

    assert screen.ends() == status
    assert (await queue.stats()).dead == dead


async def test_the_dead_are_sent_again_with_a_bar_and_their_ids_go_to_the_file(
    terminal: Open, queue: JobQueue, tmp_path: Path
) -> None:
    """The bar is on the terminal, the ids are for the program behind the pipe."""
    await bury_three(queue)
    screen = terminal("jobs", "retry", "--all-dead", "--yes", stdout=tmp_path / "ids")

    assert screen.ends() == 0
    assert "retrying" in screen.text
    assert screen.text.rstrip().endswith("3 retried")
    assert len((tmp_path / "ids").read_text().split()) == 3
