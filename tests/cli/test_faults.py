"""A Redis that cannot be found or used: each command says so in one line, with the remedy."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from greenscale_cli import endpoint
from greenscale_cli.endpoint import Endpoint, RedisEndpoint
from greenscale_cli.exits import Exit
from greenscale_jobs import RedisAddress
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

COMMANDS = [
    ("submit", "hi"),
    ("submit", "hi", "--wait"),
    ("status",),
    ("status", "-o", "json"),
    ("jobs", "list"),
    ("jobs", "show", "j"),
    ("jobs", "cancel", "j"),
    ("jobs", "retry", "j"),
    ("jobs", "retry", "--all-dead"),
]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_absent_redis_is_named(refused: Refused, words: tuple[str, ...]) -> None:
    port = free_port()
    fault = refused(Exit.UNAVAILABLE, *words, REDIS_PORT=str(port))

    assert fault.startswith(f"Redis at 127.0.0.1:{port} does not answer (")
    assert fault.endswith("Is it running, and are REDIS_HOST and REDIS_PORT right?")


def test_a_redis_that_never_answers_is_given_up(refused: Refused, silent_port: int) -> None:
    assert f"127.0.0.1:{silent_port} does not answer" in refused(
        Exit.UNAVAILABLE, "submit", "hi", REDIS_PORT=str(silent_port)
    )


def test_a_password_is_asked_for_and_never_shown(
    refused: Refused, greenscale: Greenscale, own_redis: RedisServer
) -> None:
    own_redis.start()
    with redis.Redis(port=own_redis.address.port) as plain:
        plain.config_set("requirepass", "secret/word")
    where = {"REDIS_PORT": str(own_redis.address.port)}
    for password, what in (("", "asks for a password"), ("not-it", "refuses us: ")):
        fault = refused(Exit.UNAVAILABLE, "submit", "hi", REDIS_PASSWORD=password, **where)

        assert fault.startswith(f"Redis at {own_redis.address} {what}")
        assert fault.endswith("Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for.")
        assert "not-it" not in fault
    assert greenscale("submit", "hi", REDIS_PASSWORD="secret/word", **where).returncode == 0
    assert greenscale("submit", "hi", "--redis", f"redis://:secret%2Fword@{own_redis.address}").returncode == 0


def test_a_full_redis_is_named_with_the_remedy(refused: Refused, greenscale: Greenscale, raw: redis.Redis) -> None:
    """What only reads goes on: a person must be able to look."""
    raw.config_set("maxmemory", "1")
    fault = refused(Exit.UNAVAILABLE, "submit", "hi")

    assert "is full (its maxmemory is reached). Raise maxmemory" in fault
    assert greenscale("jobs", "list").stdout == "No jobs.\n"


def test_a_key_that_is_no_queue_is_named(refused: Refused, raw: redis.Redis) -> None:
    raw.set("jobs", "something else")

    assert "(jobs is a string, not a list). Rename that key" in refused(Exit.UNAVAILABLE, "submit", "hi")


def test_without_any_redis_the_ways_to_one_are_named(refused: Refused, tmp_path: Path) -> None:
    nowhere = {"REDIS_HOST": "", "REDIS_PORT": ""}
    fault = refused(Exit.UNAVAILABLE, "submit", "hi", "--run-dir", str(tmp_path / "none"), **nowhere)

    assert fault.startswith("no Redis is configured and no local instance runs here: start one with `greenscale local`")


def test_the_local_instance_is_found_from_below_it(
    greenscale: Greenscale, address: RedisAddress, tmp_path: Path
) -> None:
    (tmp_path / ".greenscale").mkdir()
    endpoint.write(tmp_path / ".greenscale", Endpoint(RedisEndpoint(address.host, address.port), None, os.getpid()))

    assert greenscale("jobs", "list", REDIS_HOST="", REDIS_PORT="").stdout == "No jobs.\n"


def test_redis_url_alone_is_enough(greenscale: Greenscale, address: RedisAddress) -> None:
    nowhere = {"REDIS_HOST": "", "REDIS_PORT": ""}

    assert greenscale("jobs", "list", REDIS_URL=f"redis://{address}", **nowhere).stdout == "No jobs.\n"


def test_a_prompt_that_goes_where_a_file_says_says_where(
    greenscale: Greenscale, address: RedisAddress, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"REDIS_URL=redis://{address}/1\n")
    ran = greenscale("submit", "hi", REDIS_HOST="", REDIS_PORT="")

    assert ran.stderr == f"greenscale: sending to Redis at {address}/1, from .env\n"
    assert ran.returncode == 0


def test_the_running_instance_goes_before_a_copied_file(
    greenscale: Greenscale, address: RedisAddress, tmp_path: Path
) -> None:
    (tmp_path / ".greenscale").mkdir()
    endpoint.write(tmp_path / ".greenscale", Endpoint(RedisEndpoint(address.host, address.port), None, os.getpid()))
    (tmp_path / ".env").write_text(f"REDIS_HOST=127.0.0.1\nREDIS_PORT={free_port()}\n")
    ran = greenscale("submit", "hi", REDIS_HOST="", REDIS_PORT="")

    assert (ran.returncode, len(ran.stderr.splitlines())) == (0, 1)
    assert f"using the local instance of this folder at {address}" in ran.stderr


@pytest.mark.parametrize(
    ("content", "said"), [("REDIS_HOST localhost\n", "line 1 must be NAME=value"), (None, "Is a directory")], ids=str
)
def test_a_file_of_the_environment_that_cannot_be_read_whole_is_refused(
    refused: Refused, tmp_path: Path, content: str | None, said: str
) -> None:
    """Passed over, the line would have led to somebody else's Redis."""
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_text(content)

    assert said in refused(Exit.USAGE, "submit", "hi")


def test_the_file_of_the_environment_is_read(greenscale: Greenscale, address: RedisAddress, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"REDIS_DB=3\nGREENSCALE_QUEUE=others\nREDIS_PORT={address.port}\n")
    job = json.loads(greenscale("submit", "hi", "-o", "json").stdout)

    with redis.Redis(port=address.port, db=3) as plain:
        assert plain.exists(f"others:job:{job['id']}")


def test_a_file_of_the_environment_that_is_no_text_is_named(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")

    assert "the file .env cannot be read: 'utf-8' codec" in refused(Exit.USAGE, "status")


@pytest.mark.parametrize(
    ("words", "environment", "fault"),
    [
        pytest.param(["--redis", "localhost"], {}, "--redis must be redis://", id="--redis without its scheme"),
        pytest.param(["--redis", "redis://a..b"], {}, "--redis must be redis://", id="--redis with an empty part"),
        pytest.param([], {"REDIS_PORT": "x"}, "REDIS_PORT must be a whole number", id="REDIS_PORT in letters"),
        pytest.param([], {"REDIS_HOST": "a..b"}, "REDIS_HOST must be a host's name", id="REDIS_HOST"),
    ],
)
def test_a_wrong_address_is_named(refused: Refused, words: list[str], environment: dict[str, str], fault: str) -> None:
    assert refused(Exit.USAGE, "status", *words, **environment).startswith(fault)
