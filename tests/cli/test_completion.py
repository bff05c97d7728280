"""What the shell completes: a real bash's question, answered by the command."""

import subprocess
from collections.abc import Callable

import msgspec
import pytest

from greenscale_jobs import JobQueue, WorkloadStatus
from greenscale_testing.board import publish

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]


async def a_few_jobs(queue: JobQueue) -> None:
    """Make a job that runs, one that waits, and one that is dead."""
    for job_id in ("3-dead", "1-running", "2-waiting"):
        await queue.submit("hi", job_id=job_id)
    dead, _ = await queue.claim("w", 2) or []
    await queue.bury(dead, "Refused", "400")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("greenscale jobs list --state d", ["delayed", "done", "dead"]),
        ("greenscale status a", ["assistant"]),
        ("greenscale submit -w ass", ["assistant"]),
        ("greenscale doc", ["doctor"]),
        ("greenscale jobs show ", ["1-running", "2-waiting", "3-dead"]),
        ("greenscale jobs show -w assistant 2", ["2-waiting"]),
        ("greenscale jobs cancel ", ["1-running", "2-waiting"]),
        ("greenscale jobs cancel 1-running ", ["2-waiting"]),
        ("greenscale jobs retry ", ["3-dead"]),
    ],
)
async def test_names_and_states_are_completed(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus, line: str, expected: list[str]
) -> None:
    await publish(queue, workload)
    await a_few_jobs(queue)
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_GREENSCALE_COMPLETE": "complete_bash"}

    assert greenscale(**words).stdout.split() == expected


async def test_what_stands_on_the_line_says_whom_to_ask(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, workload)
    line = f"greenscale status --redis redis://{queue.address} "
    words = {"COMP_WORDS": line, "COMP_CWORD": "4", "_GREENSCALE_COMPLETE": "complete_bash"}

    assert greenscale(**words, REDIS_PORT="1").stdout.split() == ["assistant"]


async def test_a_name_that_two_bear_is_completed_with_its_namespace(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    for namespace in ("team-a", "team-b"):
        await publish(queue, msgspec.structs.replace(workload, namespace=namespace))
    words = {"COMP_WORDS": "greenscale status ", "COMP_CWORD": "2", "_GREENSCALE_COMPLETE": "complete_bash"}

    assert greenscale(**words).stdout.split() == ["team-a/assistant", "team-b/assistant"]


def test_without_redis_nothing_is_completed_and_nothing_said(greenscale: Greenscale) -> None:
    words = {"COMP_WORDS": "greenscale status a", "COMP_CWORD": "2", "_GREENSCALE_COMPLETE": "complete_bash"}
    ran = greenscale(**words, REDIS_PORT="1")

    assert (ran.stdout.strip(), ran.stderr) == ("", "")
