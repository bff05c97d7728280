"""Reads that all viewers share: within a while the first one's answer, or error, is everybody's."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from greenscale_jobs import JobClient, QueueUnavailable, RedisAddress

P = ParamSpec("P")
T = TypeVar("T")

ENTRIES = 256
"""Most answers of one kind that are remembered."""


@st.cache_resource(show_spinner=False)
def client(address: RedisAddress, list_name: str) -> JobClient:
    """Return the one client of a queue; it is safe to share between threads."""
    return JobClient(address, list_name)


def shared(*, seconds: float) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Remember what a read returned, for all viewers and so many seconds.

    That Redis was away is remembered too: where it hangs, ten viewers would wait for each other's time-outs.
    The arguments must be plain values, and so must what is returned.
    """

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        @st.cache_data(ttl=seconds, max_entries=ENTRIES, show_spinner=False)
        @functools.wraps(read)
        def outcome(*args: Any, **kwargs: Any) -> tuple[T | None, str | None]:
            try:
                return read(*args, **kwargs), None
            except QueueUnavailable as error:
                return None, str(error)

        @functools.wraps(read)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
            value, away = outcome(*args, **kwargs)
            if away is not None:
                raise QueueUnavailable(away)
            return value  # type: ignore[return-value]

        return remembered

    return decorate
