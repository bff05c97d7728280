"""What is sent again, and what is raised, where a call fails."""

from collections.abc import Generator, Mapping
from typing import Any

import pytest
import redis.exceptions

from greenscale_jobs import QueueDamaged, QueueUnavailable
from greenscale_jobs.protocol import Call, Commands, Script, after_failure
from greenscale_jobs.scripts import script_text

FORGOTTEN = redis.exceptions.NoScriptError("No matching script.")
FOREIGN = redis.exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
DENIED = redis.exceptions.NoPermissionError("this user has no permissions to run the 'type' command")


def types() -> Mapping[str, str]:
    return {"jobs": "list", "jobs:inflight": "zset"}


STATS = Script("stats", ("jobs",), (), lambda reply: f"read {reply}", types)
PING = Commands([("PING",)], lambda replies: replies[0], types)


def failure(call: Call[Any], reply: object) -> Generator[Any, Any, Any]:
    return after_failure(call, [reply], now="", address="redis:6379")


def test_a_script_that_redis_has_forgotten_is_sent_whole() -> None:
    going = failure(STATS, FORGOTTEN)
    commands = next(going)
    with pytest.raises(StopIteration) as end:
        going.send(["numbers"])

    assert commands == (("EVAL", script_text("stats"), 1, "jobs", ""),)
    assert end.value.value == "read numbers"


def test_an_error_of_the_whole_script_is_raised() -> None:
    going = failure(STATS, FORGOTTEN)
    next(going)
    with pytest.raises(QueueUnavailable, match="redis:6379 does not answer"):
        going.send([redis.exceptions.ConnectionError("gone")])


@pytest.mark.parametrize("call", [STATS, PING], ids=["script", "commands"])
def test_a_key_of_a_foreign_type_is_looked_for_and_named(call: Call[Any]) -> None:
    going = failure(call, FOREIGN)
    commands = next(going)
    with pytest.raises(QueueDamaged, match=r"\(jobs:inflight is a string, not a zset\)"):
        going.send([b"list", b"string"])

    assert commands == [("TYPE", "jobs"), ("TYPE", "jobs:inflight")]


def test_whoever_may_not_ask_for_types_gets_the_names_of_all_keys() -> None:
    going = failure(PING, FOREIGN)
    next(going)
    with pytest.raises(QueueDamaged, match=r"TYPE shows which: jobs, jobs:inflight\)"):
        going.send([DENIED, DENIED])
