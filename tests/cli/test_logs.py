"""`greenscale logs`: the files of a local instance, or kubectl with the right words."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from greenscale_cli.exits import Exit
from greenscale_jobs import JobQueue, WorkloadStatus
from greenscale_testing.board import publish

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Refused = Callable[..., str]

HERE = {"REDIS_HOST": "", "REDIS_PORT": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What two workloads' workers of a local instance have left, and Redis beside them."""
    folder = tmp_path / ".greenscale" / "logs"
    folder.mkdir(parents=True)
    (folder / "assistant-1.log").write_text('{"event":"claimed"}\n')
    (folder / "assistant-2.log").write_text("\x1b[2J cleared\nhalf a li")
    (folder / "redis.log").write_text("Redis\n")
    return folder


@pytest.mark.usefixtures("folder")
def test_the_files_of_all_workers_are_printed(greenscale: Greenscale) -> None:
    ran = greenscale("logs", "assistant", **HERE)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(ran.stdout.splitlines()) == ['[assistant-1] {"event":"claimed"}', "[assistant-2] �[2J cleared"]


@pytest.mark.usefixtures("folder")
def test_a_workload_without_a_file_is_named(refused: Refused) -> None:
    assert refused(Exit.UNKNOWN, "logs", "chat", **HERE).startswith("no worker of chat has written to ")


def test_what_comes_later_is_followed(folder: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    from greenscale_testing.instances import GREENSCALE  # noqa: PLC0415

    command = [str(GREENSCALE), "logs", "--follow"]
    with subprocess.Popen(
        command, cwd=tmp_path, env={**environment, **HERE}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        before = {process.stdout.readline(), process.stdout.readline()}
        with (folder / "assistant-2.log").open("a") as file:
            file.write("ne\n")
        (folder / "assistant-3.log").write_text("a new worker\n")
        later = {process.stdout.readline(), process.stdout.readline()}
        process.send_signal(signal.SIGINT)

    assert process.returncode == 0, "Ctrl-C is how it ends"
    assert len(before) == 2
    assert later == {"[assistant-2] half a line\n", "[assistant-3] a new worker\n"}


@pytest.fixture
def kubectl(tmp_path: Path) -> str:
    """A PATH with a kubectl that says how it was called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").write_text('#!/bin/sh\necho "$@"\nexit 7\n')
    (programs / "kubectl").chmod(0o755)
    return f"{programs}:/usr/bin:/bin"


async def test_in_a_cluster_kubectl_is_asked_for_the_workers(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus, kubectl: str
) -> None:
    await publish(queue, workload)
    ran = greenscale("logs", "assistant", "--follow", PATH=kubectl)

    assert (ran.returncode, ran.stderr) == (7, "")
    assert ran.stdout.split() == [
        "logs",
        "--namespace=default",
        "--selector=app.kubernetes.io/name=greenscale-worker,app.kubernetes.io/instance=assistant",
        "--container=worker",
        "--prefix",
        "--tail=-1",
        "--follow",
        "--max-log-requests=50",
    ]


def test_with_its_namespace_a_workload_needs_no_redis(greenscale: Greenscale, kubectl: str) -> None:
    ran = greenscale("logs", "team-a/chat", PATH=kubectl, REDIS_PORT="1")

    assert "--namespace=team-a" in ran.stdout


def test_a_missing_kubectl_is_named(refused: Refused, tmp_path: Path) -> None:
    assert "needs kubectl, which is not on the PATH" in refused(Exit.USAGE, "logs", "a/b", PATH=str(tmp_path))


async def test_the_only_workload_need_not_be_named(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus, kubectl: str
) -> None:
    await publish(queue, workload)

    assert "app.kubernetes.io/instance=assistant" in greenscale("logs", PATH=kubectl).stdout


async def test_which_workload_is_asked_for(refused: Refused, queue: JobQueue, workload: WorkloadStatus) -> None:
    which = "name the workload, as NAME or NAMESPACE/NAME; known workloads:"
    assert refused(Exit.USAGE, "logs") == f"{which} none"
    await publish(queue, workload)
    await publish(queue, msgspec.structs.replace(workload, name="chat"))

    assert refused(Exit.USAGE, "logs") == f"{which} assistant, chat"
