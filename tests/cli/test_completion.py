"""What the shell completes: a real bash's question, answered by the command."""

import subprocess
from collections.abc import Callable

import pytest

from greenscale_jobs import JobQueue, WorkloadStatus

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("greenscale jobs list --state d", ["delayed", "done", "dead"]),
        ("greenscale status a", ["assistant"]),
        ("greenscale submit -w ass", ["assistant"]),
        ("greenscale doc", ["doctor"]),
    ],
)
async def test_names_and_states_are_completed(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus, line: str, expected: list[str]
) -> None:
    await queue.put_workload(workload)
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_GREENSCALE_COMPLETE": "complete_bash"}

    assert greenscale(**words).stdout.split() == expected


def test_without_redis_nothing_is_completed_and_nothing_said(greenscale: Greenscale) -> None:
    words = {"COMP_WORDS": "greenscale status a", "COMP_CWORD": "2", "_GREENSCALE_COMPLETE": "complete_bash"}
    ran = greenscale(**words, REDIS_PORT="1")

    assert (ran.stdout.strip(), ran.stderr) == ("", "")
