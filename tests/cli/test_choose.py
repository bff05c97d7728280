"""Which Redis and which workload a command uses."""

import os
from pathlib import Path

import msgspec
import pytest

from greenscale_cli import endpoint
from greenscale_cli.choose import choose_redis, environment_with_file, pick, pick_list
from greenscale_cli.endpoint import Endpoint, RedisEndpoint
from greenscale_cli.exits import CommandError, Exit
from greenscale_jobs import RedisAddress, WorkloadStatus

HERE = RedisEndpoint("127.0.0.1", 7001)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Where an instance runs: this process stands for it."""
    endpoint.write(tmp_path, Endpoint(HERE, None, os.getpid()))
    return tmp_path


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        pytest.param("redis://a:1/2", {"REDIS_HOST": "b"}, RedisAddress("a", 1, 2), id="--redis before all"),
        pytest.param("redis://a", {}, RedisAddress("a"), id="--redis without a port"),
        pytest.param("rediss://u:p%40@a", {}, RedisAddress("a", 6379, 0, "u", "p@", tls=True), id="--redis with all"),
        pytest.param(None, {"REDIS_HOST": "b", "REDIS_PORT": "2"}, RedisAddress("b", 2), id="the environment"),
        pytest.param(None, {"REDIS_HOST": "b"}, RedisAddress("b"), id="REDIS_HOST alone"),
        pytest.param(None, {"REDIS_PORT": "2"}, RedisAddress(port=2), id="REDIS_PORT alone"),
        pytest.param(None, {"REDIS_HOST": "::1"}, RedisAddress("::1"), id="an IPv6 address"),
        pytest.param(None, {"REDIS_HOST": ""}, RedisAddress("127.0.0.1", 7001), id="else the local instance"),
        pytest.param(None, {"REDIS_URL": "redis://c:3"}, RedisAddress("c", 3), id="REDIS_URL alone"),
        pytest.param("redis://a", {"REDIS_URL": "redis://c:3"}, RedisAddress("a"), id="--redis before REDIS_URL"),
        pytest.param(None, {"REDIS_PORT": "tcp://10.0.0.1:6379"}, RedisAddress("127.0.0.1", 7001), id="a service link"),
        pytest.param(
            "redis://a",
            {"REDIS_PASSWORD": "p", "REDIS_USERNAME": "u", "REDIS_CA": "c", "REDIS_TLS": "true"},
            RedisAddress("a", username="u", password="p", tls=True, ca="c"),
            id="--redis with the way in beneath it",
        ),
    ],
)
def test_the_redis_that_is_used(
    url: str | None, environment: dict[str, str], expected: RedisAddress, run_dir: Path
) -> None:
    assert choose_redis(url, run_dir, environment, {}).address == expected


@pytest.mark.parametrize(
    ("url", "environment", "fault"),
    [
        pytest.param("localhost:6379", {}, "--redis must be redis://", id="a URL without its scheme"),
        pytest.param("http://localhost", {}, "--redis must be redis://", id="another protocol"),
        pytest.param("unix:///run/redis.sock", {}, "--redis must be redis://", id="a socket"),
        pytest.param("redis://localhost:65536", {}, "--redis must be redis://", id="a port that is too high"),
        pytest.param("redis://a..b", {}, "--redis must be redis://", id="a host that cannot be looked up"),
        pytest.param("redis://a?timeout=3", {}, "--redis has the unknown parameter timeout", id="a parameter"),
        pytest.param("redis://a", {"REDIS_TLS": "x"}, "REDIS_TLS must be true or false", id="TLS beneath --redis"),
        pytest.param(
            None, {"REDIS_URL": "redis://a", "REDIS_HOST": "b"}, "REDIS_URL and REDIS_HOST disagree", id="two places"
        ),
        pytest.param(None, {"REDIS_PORT": "x"}, "REDIS_PORT must be a whole number", id="a port in letters"),
        pytest.param(None, {"REDIS_HOST": "a..b"}, "REDIS_HOST must be a host's name", id="a host with an empty part"),
        pytest.param(None, {"REDIS_HOST": "a", "REDIS_TLS": "maybe"}, "REDIS_TLS must be true or false", id="TLS"),
    ],
)
def test_a_wrong_address_is_named(url: str | None, environment: dict[str, str], fault: str, run_dir: Path) -> None:
    with pytest.raises(CommandError) as caught:
        choose_redis(url, run_dir, environment, {})

    assert fault in str(caught.value)
    assert caught.value.status is Exit.USAGE


def test_a_password_with_a_slash_is_not_shown(run_dir: Path) -> None:
    """What stands before the slash is taken for the port."""
    with pytest.raises(CommandError) as caught:
        choose_redis("redis://:hunter/2@localhost", run_dir, {}, {})

    assert "hunter" not in str(caught.value)


def test_without_any_redis_the_ways_to_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"greenscale local.*REDIS_HOST.*--redis") as caught:
        choose_redis(None, tmp_path, {}, {})

    assert caught.value.status is Exit.UNAVAILABLE


def test_the_instance_of_a_parent_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "deep" / "below").mkdir(parents=True)
    running = Endpoint(HERE, "http://127.0.0.1:8501", os.getpid())
    endpoint.write(tmp_path / "run", running)
    monkeypatch.chdir(tmp_path / "deep" / "below")

    assert endpoint.find(Path("run")) == running


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"redis": {"host": "h", "port": 1}, "page": null, "pid": 4194305}', id="it was killed"),
        pytest.param(b'{"redis": {"host": "h"', id="half a file"),
        pytest.param(b'{"pid": 1}', id="of another version"),
    ],
)
def test_an_instance_that_does_not_run_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "endpoint.json").write_bytes(content)

    assert endpoint.find(tmp_path) is None


def test_the_file_of_another_user_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp anybody can plant one."""
    endpoint.write(tmp_path, Endpoint(HERE, None, os.getpid()))
    before = endpoint.find(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)

    assert before is not None
    assert endpoint.find(tmp_path) is None


def test_a_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endpoint.json")

    assert endpoint.find(tmp_path) is None


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=file\nFROM_BOTH=file\n")
    monkeypatch.setenv("FROM_BOTH", "environment")
    monkeypatch.chdir(tmp_path)
    variables = environment_with_file()

    assert (variables["FROM_FILE"], variables["FROM_BOTH"]) == ("file", "environment")


def test_the_running_instance_of_this_folder_goes_before_the_file(run_dir: Path) -> None:
    """A copied .env.example names localhost:6379, which may be somebody else's."""
    chosen = choose_redis(None, run_dir, {}, {"REDIS_HOST": "localhost", "REDIS_PORT": "6379"})

    assert chosen.address == RedisAddress("127.0.0.1", 7001)
    assert chosen.notice == "using the local instance of this folder at 127.0.0.1:7001, not the Redis in .env"
    assert choose_redis(None, run_dir, {}, {"A": "b"}).notice == ""


@pytest.mark.parametrize("file", [{"REDIS_URL": "redis://f:1"}, {"REDIS_HOST": "f", "REDIS_PORT": "1"}], ids=str)
def test_a_file_of_this_folder_goes_before_an_instance_further_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: dict[str, str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "project").mkdir()
    endpoint.write(tmp_path / "run", Endpoint(HERE, None, os.getpid()))
    monkeypatch.chdir(tmp_path / "project")

    assert choose_redis(None, Path("run"), {}, file).address == RedisAddress("f", 1)
    assert choose_redis(None, Path("run"), {}, {}).address == RedisAddress("127.0.0.1", 7001)


def test_the_environment_goes_before_the_running_instance(run_dir: Path) -> None:
    chosen = choose_redis(None, run_dir, {"REDIS_URL": "redis://e"}, {"REDIS_HOST": "f"})

    assert (chosen.address, chosen.notice) == (RedisAddress("e"), "")


def named(workload: WorkloadStatus, *names: str) -> list[WorkloadStatus]:
    """Return workloads called `namespace/name`, each with a list of its own."""
    return [
        msgspec.structs.replace(workload, namespace=namespace, name=name, list_name=f"list-of-{namespace}-{name}")
        for namespace, _, name in (full.partition("/") for full in names)
    ]


@pytest.mark.parametrize("name", ["chat", "a/chat"])
def test_a_workload_is_known_by_its_name(workload: WorkloadStatus, name: str) -> None:
    assert pick(named(workload, "a/chat", "a/other"), name).list_name == "list-of-a-chat"


@pytest.mark.parametrize(
    ("known", "name", "fault", "status"),
    [
        pytest.param([], "x", "no workload is called x; known workloads: none", Exit.UNKNOWN, id="none is known"),
        pytest.param(
            ["a/chat"], "x", "no workload is called x; known workloads: chat", Exit.UNKNOWN, id="another is known"
        ),
        pytest.param(["a/chat", "b/chat"], "chat", "choose one of a/chat, b/chat", Exit.USAGE, id="two of one name"),
        pytest.param(["a/x", "a/y"], None, "choose one with -w (x, y)", Exit.USAGE, id="two, and none is named"),
    ],
)
def test_a_workload_that_is_not_clear_is_asked_for(
    workload: WorkloadStatus, known: list[str], name: str | None, fault: str, status: Exit
) -> None:
    with pytest.raises(CommandError) as caught:
        pick_list(named(workload, *known), name, {})

    assert fault in str(caught.value)
    assert caught.value.status is status


@pytest.mark.parametrize(
    ("known", "name", "environment", "expected"),
    [
        pytest.param(["a/x", "a/y"], "y", {}, "list-of-a-y", id="the named"),
        pytest.param(["a/x"], None, {"GREENSCALE_QUEUE": "q"}, "list-of-a-x", id="the only one"),
        pytest.param([], None, {"GREENSCALE_QUEUE": "q"}, "q", id="GREENSCALE_QUEUE where none is known"),
        pytest.param([], None, {}, "jobs", id="otherwise the list jobs"),
    ],
)
def test_the_list_that_is_used(
    workload: WorkloadStatus, known: list[str], name: str | None, environment: dict[str, str], expected: str
) -> None:
    assert pick_list(named(workload, *known), name, environment) == expected
