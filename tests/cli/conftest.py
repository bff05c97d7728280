"""The `greenscale` command as a real process, in a directory of the test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus
from greenscale_testing.instances import GREENSCALE
from greenscale_testing.terminal import Terminal

Environment = Mapping[str, str]
Ran = subprocess.CompletedProcess[str]

COMMAND_SECONDS = 30


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_works() -> Iterator[None]:
    """A shell lets what it starts with & ignore Ctrl-C, and so would every command that a test starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def environment(address: RedisAddress) -> Environment:
    """The environment of the command: where Redis is, and nothing from the person who runs the tests."""
    terminal = {"TERM": "xterm-256color", "COLUMNS": "120", "LANG": "C.UTF-8"}
    return {"PATH": os.environ["PATH"], **terminal, "REDIS_HOST": address.host, "REDIS_PORT": str(address.port)}


@pytest.fixture
def greenscale(environment: Environment, tmp_path: Path) -> Callable[..., Ran]:
    """Run the command to its end; `stdin` is text or bytes, keyword arguments are more environment."""

    def run(*words: str, stdin: str | bytes = b"", **more: str) -> Ran:
        ran = subprocess.run(
            [GREENSCALE, *words],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**environment, **more},
            timeout=COMMAND_SECONDS,
        )
        return Ran(ran.args, ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    return run


@pytest.fixture
def refused(greenscale: Callable[..., Ran]) -> Callable[..., str]:
    """Run a command that must fail as promised: this status, nothing on stdout, one line for the person."""

    def run(status: Exit, *words: str, stdin: str | bytes = b"", **more: str) -> str:
        ran = greenscale(*words, stdin=stdin, **more)
        assert (ran.returncode, ran.stdout) == (status, ""), ran
        (line,) = ran.stderr.splitlines()
        assert line.startswith("greenscale: ")
        assert line.isprintable()
        return line.removeprefix("greenscale: ")

    return run


@pytest.fixture
def start(environment: Environment, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the command and leave it running, its output in pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [GREENSCALE, *words], stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=environment
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def terminal(environment: Environment, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the command on a terminal; keyword arguments are more environment."""
    opened: list[Terminal] = []

    def terminal(*words: str, stdout: Path | None = None, **more: str) -> Terminal:
        opened.append(Terminal(words, {**environment, **more}, tmp_path, stdout))
        return opened[-1]

    yield terminal
    for one in opened:
        one.close()


@pytest.fixture
def start_worker(environment: Environment, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start a real worker that says each prompt again; keyword arguments are more of its settings."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**settings: str) -> None:
        ours = {**environment, "GREENSCALE_ENGINE": "Echo", "GREENSCALE_WORKER": "w-1", **settings}
        with (tmp_path / "worker.log").open("wb") as log:
            command = [sys.executable, "-m", "greenscale_worker"]
            started.append(subprocess.Popen(command, env=ours, stderr=log, cwd=tmp_path))

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


@pytest.fixture
def workload() -> WorkloadStatus:
    """A workload that sleeps, reported just now."""
    return WorkloadStatus(
        namespace="default",
        name="assistant",
        list_name="jobs",
        state="ScaledToZero",
        message="Nothing runs, nothing costs. A prompt wakes it.",
        replicas=0,
        max_replicas=4,
        engine="Echo",
        model=None,
        queue={"pending": 0, "inFlight": 0, "delayed": 0, "dead": 0},
        sampled_at=time.time(),
        reason="NoWork",
    )
