"""How long an engine asks to be left alone, in every way that real ones say it."""

import email.utils
import time

import pytest

from greenscale_worker.outcomes.waits import wait_seconds


def later(what: str) -> str:
    """Return a time that a header names, from when the test runs."""
    now = time.time()
    times = {"a date": email.utils.formatdate(now + 60, usegmt=True), "milliseconds": str(int(1000 * (now + 30)))}
    return times.get(what, what)


@pytest.mark.parametrize(
    ("status", "headers", "in_body", "seconds"),
    [
        pytest.param(429, {"retry-after": "7"}, None, 7, id="seconds"),
        pytest.param(503, {"retry-after": "1.5"}, None, 1.5, id="parts of a second"),
        pytest.param(429, {"retry-after": "a date"}, None, 60, id="a date"),
        pytest.param(429, {"retry-after": "0"}, 9.0, 0, id="at once"),
        pytest.param(429, {"retry-after": "-5"}, None, 0, id="in the past"),
        pytest.param(429, {"retry-after": "1e9"}, None, 3600, id="for years"),
        pytest.param(429, {"retry-after": "soon"}, None, None, id="no number"),
        pytest.param(429, {"retry-after": "nan"}, None, None, id="not a number"),
        pytest.param(429, {"retry-after": "inf"}, None, None, id="for ever"),
        pytest.param(429, {"retry-after-ms": "1500", "retry-after": "9"}, None, 1.5, id="milliseconds go first"),
        pytest.param(429, {}, 30.0, 30, id="the body's"),
        pytest.param(
            429, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12"}, None, 12, id="a limit"
        ),
        pytest.param(
            429, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6.5s"}, None, 6.5, id="a unit"
        ),
        pytest.param(
            429,
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"},
            None,
            60,
            id="a minute at most",
        ),
        pytest.param(
            429, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, None, 0.02, id="shortly"
        ),
        pytest.param(
            429, {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "9s"}, None, None, id="some is left"
        ),
        pytest.param(429, {"x-ratelimit-reset-tokens": "9s"}, None, None, id="nobody says what is left"),
        pytest.param(
            503, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9s"}, None, None, id="no 429"
        ),
        pytest.param(
            429,
            {"x-ratelimit-remaining-a": "0", "x-ratelimit-reset-a": "9s", "retry-after": "2"},
            None,
            2,
            id="Retry-After goes first",
        ),
        pytest.param(
            429,
            {
                "x-ratelimit-remaining-requests": "10",
                "x-ratelimit-reset-requests": "50s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "3s",
            },
            None,
            3,
            id="the limit that is used up",
        ),
        pytest.param(
            429,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "milliseconds"},
            None,
            30,
            id="a time in milliseconds",
        ),
    ],
)
def test_a_wish_to_wait_is_read(
    status: int, headers: dict[str, str], in_body: float | None, seconds: float | None
) -> None:
    wait = wait_seconds(status, {name: later(value) for name, value in headers.items()}, in_body)

    assert wait == (None if seconds is None else pytest.approx(seconds, abs=3 if seconds in {30, 60} else 0.001))
