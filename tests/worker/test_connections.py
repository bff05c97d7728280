"""Connections that are kept, closed by the server, or broken with a request in hand; and where nothing is sent."""

import asyncio
from typing import Any

import pytest

from greenscale_testing.engine_calls import ask, ask_once, engine_at, kind_of
from greenscale_testing.raw_server import DONE, USAGE, Reply, delta, message, raw, stream

TEXT = [delta("one"), delta(" two")]
STOP = delta(finish_reason="stop")


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_that_the_server_closed_is_replaced_at_once(end: Any) -> None:
    """The request meets the server's close on its way: nobody has seen it."""
    good = stream(*TEXT, STOP, DONE)
    async with raw(good, Reply((), end), good) as (server, url), engine_at(url) as engine:
        first, second = await ask(engine), await ask(engine)

    assert kind_of(first) == kind_of(second) == ("Answer", "one two")
    assert (len(server.requests), server.connections) == (3, 2)


async def test_a_server_that_dies_of_a_request_is_asked_only_twice() -> None:
    async with raw(stream(*TEXT, STOP, DONE), Reply((), "close")) as (server, url), engine_at(url) as engine:
        await ask(engine)
        outcome = await ask(engine)

    assert kind_of(outcome) == ("EngineLost", "EngineLost")
    assert len(server.requests) == 3


async def test_a_connection_is_used_again() -> None:
    async with raw(stream(*TEXT, STOP, USAGE, DONE)) as (server, url), engine_at(url) as engine:
        for _ in range(3):
            await ask(engine)

    assert (len(server.requests), server.connections) == (3, 1)


async def test_an_idle_connection_is_closed_before_the_server_does_it() -> None:
    async with raw(stream(*TEXT, STOP, USAGE, DONE)) as (server, url), engine_at(url) as engine:
        await ask(engine)
        await asyncio.sleep(3.2)  # what is tested is a time
        await ask(engine)

    assert server.connections == 2


async def test_a_redirect_is_not_followed() -> None:
    """The prompt must not go to whoever a server names."""
    async with raw(stream(*TEXT, STOP)) as (other, there):
        reply = message(307, b"", f"Location: {there}/chat/completions")
        async with raw(reply) as (server, url):
            outcome = await ask_once(url)

    assert kind_of(outcome) == ("EngineMisconfigured", "Redirected")
    assert (len(server.requests), len(other.requests)) == (1, 0)
