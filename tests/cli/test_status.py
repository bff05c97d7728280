"""`greenscale status`: what the workloads do."""

import json
import signal
import subprocess
from collections.abc import Callable

import msgspec
import pytest

from greenscale_cli.exits import Exit
from greenscale_cli.status import Row, cells
from greenscale_jobs import JobQueue, JobState, Stats, WorkloadStatus
from greenscale_jobs.document import moment
from greenscale_testing.board import publish

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Refused = Callable[..., str]

HEADER = ["NAME", "STATE", "REPLICAS", "PENDING", "RUNNING", "DELAYED", "DEAD", "OLDEST", "WHAT", "IT", "DOES"]


async def test_workloads_are_a_list_of_objects(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    """The queue's numbers are those of now, not those that were written with the status."""
    await publish(queue, msgspec.structs.replace(workload, sampled_at=1_700_000_000.5))
    for number in range(3):
        await queue.submit(f"{number}")
    first, second = await queue.claim("w", 2) or []
    await queue.bury(first, "Refused", "m")
    await queue.retry(second, "Overloaded", "m", delay_seconds=600)
    await queue.submit("more")
    await queue.claim("w")
    (waiting,) = (await queue.jobs(JobState.WAITING)).jobs
    ran = greenscale("status", "-o", "json")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == [
        {
            "name": "assistant",
            "namespace": "default",
            "state": "ScaledToZero",
            "message": "Nothing runs, nothing costs. A prompt wakes it.",
            "replicas": 0,
            "maxReplicas": 4,
            "engine": "Echo",
            "model": None,
            "listName": "jobs",
            "queue": {
                "pending": 1,
                "inFlight": 1,
                "delayed": 1,
                "dead": 1,
                "oldestWaitsSince": moment(waiting.submitted_at),
            },
            "usualWakeSeconds": None,
            "sampledAt": "2023-11-14T22:13:20.500Z",
        }
    ]


async def test_workloads_are_a_table(greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus) -> None:
    await publish(queue, workload)
    await publish(queue, msgspec.structs.replace(workload, name="chat", list_name="chats", state="Active", replicas=2))
    await queue.submit("hi")
    ran = greenscale("status")
    header, _, *rows = [line.split() for line in ran.stdout.splitlines()]

    assert (ran.returncode, ran.stderr, header) == (0, "", HEADER)
    assert [row[:7] for row in rows] == [
        ["assistant", "ScaledToZero", "0/4", "1", "0", "0", "0"],
        ["chat", "Active", "2/4", "0", "0", "0", "0"],
    ]
    assert (rows[0][8], rows[1][7]) == ("s", "-")
    assert rows[0][9:] == workload.message.split()


async def test_one_that_sleeps_says_how_long_it_takes_to_wake(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, msgspec.structs.replace(workload, usual_wake_seconds=12.3, wakes=20))

    assert "A prompt wakes it in about 12 s (median of the last 20 starts)." in greenscale("status").stdout


async def test_a_name_that_two_bear_has_its_namespace(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    """Else nobody could tell which is which, nor what to say after -w."""
    for namespace, name in (("team-a", "assistant"), ("team-b", "assistant"), ("team-b", "chat")):
        await publish(queue, msgspec.structs.replace(workload, namespace=namespace, name=name))
    _, _, *rows = greenscale("status").stdout.splitlines()

    assert [row.split()[0] for row in rows] == ["team-a/assistant", "team-b/assistant", "chat"]


async def test_one_workload_is_shown(greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus) -> None:
    await publish(queue, workload)
    await publish(queue, msgspec.structs.replace(workload, name="chat", list_name="chats"))

    assert [row["name"] for row in json.loads(greenscale("status", "chat", "-o", "json").stdout)] == ["chat"]


async def test_an_unknown_workload_is_named(refused: Refused, queue: JobQueue, workload: WorkloadStatus) -> None:
    await publish(queue, workload)

    assert refused(Exit.UNKNOWN, "status", "x") == "no workload is called x; known workloads: assistant"


def test_no_workload_is_said_so(greenscale: Greenscale) -> None:
    assert greenscale("status").stdout == "No workload is known here yet: start one with `greenscale local`.\n"
    assert json.loads(greenscale("status", "-o", "json").stdout) == []


async def test_watching_prints_again_until_ctrl_c(start: Start, queue: JobQueue, workload: WorkloadStatus) -> None:
    """Into a pipe: a table below the other, each as soon as it is there."""
    await publish(queue, workload)
    process = start("status", "--watch")
    assert process.stdout is not None
    first = next(line for line in process.stdout if line.startswith("assistant"))
    await queue.submit("hi")
    second = next(line for line in process.stdout if line.split()[3:4] == ["1"])
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)

    assert (first.split()[:4], second.split()[:4]) == (
        ["assistant", "ScaledToZero", "0/4", "0"],
        ["assistant", "ScaledToZero", "0/4", "1"],
    )
    assert (process.returncode, stderr) == (0, "")


def test_watching_is_no_document(refused: Refused) -> None:
    assert "it does not go with --watch" in refused(Exit.USAGE, "status", "--watch", "-o", "json")


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(
            30,
            ("assistant", "Active", "2/4", "1", "2", "3", "4", "90 s", "2 running, 1 waiting, 2 of 4 workers."),
            id="reported just now",
        ),
        pytest.param(
            31,
            (
                "assistant",
                "Unknown",
                "-/4",
                "1",
                "2",
                "3",
                "4",
                "91 s",
                "No report for 31 s; last state: Active.",
            ),
            id="no report any more",
        ),
    ],
)
def test_a_row_of_the_table(workload: WorkloadStatus, age: float, expected: tuple[str, ...]) -> None:
    """A dead supervisor's last status would be believed for ever."""
    active = msgspec.structs.replace(workload, state="Active", replicas=2, message="All is\nwell.", sampled_at=1000.0)

    assert cells(Row(active, Stats(1, 2, 3, 4), 940.0), now=1000.0 + age) == expected
