"""A job as it is written down."""

import pytest

from greenscale_jobs.document import moment


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(None, None, id="not known"),
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="the epoch"),
        pytest.param(1_700_000_000.1234, "2023-11-14T22:13:20.123Z", id="to the millisecond"),
    ],
)
def test_a_moment_is_rfc_3339_in_utc(seconds: float | None, expected: str | None) -> None:
    assert moment(seconds) == expected
