"""A Redis that goes away while somebody waits for jobs: reported once, awaited, and given up in the end."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import JobClient, JobState
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.terminal import Terminal

Start = Callable[..., "subprocess.Popen[str]"]
StartWorker = Callable[..., None]

ONE = ("submit", "hi", "--id", "j", "--wait")
MANY = ("submit", "--file", "prompts.jsonl", "--wait")
WAITS = [ONE, ("submit", "hi", "--id", "j", "--stream"), ("jobs", "wait", "j"), MANY]

IMPATIENT = "from greenscale_cli import main, patience; patience.PATIENCE_SECONDS = 0.1; main.main()"
"""The command, which gives up soon."""


@pytest.fixture(autouse=True)
def _prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "hi", "id": "j"}\n')


@pytest.fixture
def durable_redis(own_redis: RedisServer) -> RedisServer:
    """A Redis that has its jobs still when it is started again."""
    own_redis.options = ("--appendonly", "yes")
    own_redis.start()
    return own_redis


@pytest.fixture
def environment(environment: Mapping[str, str], durable_redis: RedisServer) -> Mapping[str, str]:
    """Every command and worker here uses the Redis that can go away."""
    return {**environment, "REDIS_PORT": str(durable_redis.address.port)}


@pytest.fixture
def start_impatient(environment: Mapping[str, str], tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", IMPATIENT, *words]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def start_waiting(
    start: Callable[..., "subprocess.Popen[str] | Terminal"], words: tuple[str, ...], server: RedisServer
) -> "subprocess.Popen[str] | Terminal":
    """Start the command, and return it when it waits: it asks for the second time then what the workloads do."""
    if words[0] == "jobs":
        with JobClient(server.address) as client:
            client.submit("hi", job_id="j")
    with redis.Redis(port=server.address.port) as plain, plain.monitor() as monitor:
        process = start(*words)
        asked = (call["command"] == "HGETALL greenscale:workloads" for call in monitor.listen())
        assert any(asked)
        assert any(asked)
    return process


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize("words", WAITS, ids=" ".join)
def test_a_redis_that_comes_back_is_awaited(
    start: Start, start_worker: StartWorker, durable_redis: RedisServer, words: tuple[str, ...]
) -> None:
    process = start_waiting(start, words, durable_redis)
    assert isinstance(process, subprocess.Popen)
    durable_redis.stop()
    away = line_of(process)
    durable_redis.start()
    back = line_of(process)
    start_worker()
    stdout, more = process.communicate(timeout=20)

    assert away.startswith(f"greenscale: Redis at {durable_redis.address} does not answer (")
    assert away.endswith("Still waiting for job j, for at most 5 min\n")
    assert re.fullmatch(r"greenscale: Redis is back after \d+(\.\d)? s\n", back)
    assert (process.returncode, more) == (0, "")
    assert (json.loads(stdout)["result"] if stdout.startswith("{") else stdout.rstrip("\n")) == "hi"


@pytest.mark.parametrize("words", WAITS, ids=" ".join)
def test_a_redis_that_stays_away_is_given_up_with_the_way_back(
    start_impatient: Start, durable_redis: RedisServer, words: tuple[str, ...]
) -> None:
    process = start_waiting(start_impatient, words, durable_redis)
    assert isinstance(process, subprocess.Popen)
    durable_redis.stop(kill=True)
    stdout, stderr = process.communicate(timeout=20)
    away, end = stderr.splitlines()

    assert (process.returncode, stdout) == (Exit.UNAVAILABLE, "")
    assert away.endswith("Still waiting for job j, for at most 0.1 s")
    assert end.startswith(f"greenscale: Redis at {durable_redis.address} does not answer (")
    if words is MANY:
        assert "0 of 1 jobs have ended, the others go on: see them with `greenscale jobs list --since 20" in end
    else:
        assert end.endswith(" s. Job j is still in the queue: wait for it with `greenscale jobs wait j`")


def test_the_way_back_to_many_jobs_shows_them(start_impatient: Start, start: Start, durable_redis: RedisServer) -> None:
    process = start_waiting(start_impatient, MANY, durable_redis)
    assert isinstance(process, subprocess.Popen)
    durable_redis.stop()
    _, stderr = process.communicate(timeout=20)
    durable_redis.start()
    (command,) = re.findall("`greenscale (.*)`", stderr)
    stdout, stderr = start(*command.split()).communicate(timeout=20)

    assert ([json.loads(line)["id"] for line in stdout.splitlines()], stderr) == (["j"], "")


def test_a_job_that_a_redis_forgot_is_unknown(start: Start, durable_redis: RedisServer) -> None:
    """Nobody waits for ever for what is nowhere."""
    process = start_waiting(start, ("jobs", "wait", "j"), durable_redis)
    assert isinstance(process, subprocess.Popen)
    durable_redis.stop()
    durable_redis.options = ()
    durable_redis.start()
    _, stderr = process.communicate(timeout=20)

    assert process.returncode == Exit.UNKNOWN
    assert stderr.endswith("no job has the id j: it never existed here, or its result has expired\n")


@pytest.mark.parametrize("words", [ONE, MANY], ids=" ".join)
def test_a_person_sees_for_how_long_it_is_away(
    terminal: Callable[..., Terminal], start_worker: StartWorker, durable_redis: RedisServer, words: tuple[str, ...]
) -> None:
    screen = start_waiting(partial(terminal, COLUMNS="300"), words, durable_redis)
    assert isinstance(screen, Terminal)
    durable_redis.stop()
    screen.shows("Redis has been unavailable for ")
    durable_redis.start()
    screen.shows("greenscale: Redis is back after ")
    start_worker()

    assert screen.ends() == 0
    assert "Still waiting for job j" in screen.text


def test_each_answer_is_printed_as_it_comes(start: Start, durable_redis: RedisServer) -> None:
    """What reads the pipe does not wait for the last one."""
    process = start("submit", "--file", "-", "--wait")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write('{"prompt": "hi", "id": "first"}\n{"prompt": "hi", "id": "second"}\n')
    process.stdin.close()
    process.stdin = None
    with redis.Redis(port=durable_redis.address.port) as plain, JobClient(durable_redis.address) as client:
        assert plain.blmove("jobs", "jobs", 20, "RIGHT", "RIGHT")
        client.cancel("first")

        assert json.loads(process.stdout.readline())["state"] == JobState.CANCELLED
        client.cancel("second")
        assert process.wait(20) == Exit.CANCELLED
