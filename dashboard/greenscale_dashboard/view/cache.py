"""Reads that all viewers share: for a short time everybody gets the first viewer's answer, or error."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from greenscale_jobs import JobClient, QueueUnavailable, RedisAddress

P = ParamSpec("P")
T = TypeVar("T")

MAX_ENTRIES = 256
"""How many answers of one kind are cached."""


@st.cache_resource(show_spinner=False)
def client(address: RedisAddress, list_name: str) -> JobClient:
    """Return the client of a queue; all threads share it."""
    return JobClient(address, list_name)


def shared(*, seconds: float) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Cache what a read returned, for all viewers, for `seconds`.

    An outage of Redis is cached too: if it hangs, ten viewers would otherwise wait for each other's time-outs.
    The arguments and the result must be plain values.
    """

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        @st.cache_data(ttl=seconds, max_entries=MAX_ENTRIES, show_spinner=False)
        @functools.wraps(read)
        def outcome(*args: Any, **kwargs: Any) -> tuple[T | None, str | None]:
            try:
                return read(*args, **kwargs), None
            except QueueUnavailable as error:
                return None, str(error)

        @functools.wraps(read)
        def cached(*args: P.args, **kwargs: P.kwargs) -> T:
            value, unavailable = outcome(*args, **kwargs)
            if unavailable is not None:
                raise QueueUnavailable(unavailable)
            return value  # type: ignore[return-value]

        return cached

    return decorate
