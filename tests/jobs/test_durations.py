"""How long something takes, in words."""

import pytest

from greenscale_jobs.durations import elapsed


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (49, "40 s"), (119, "110 s"), (130, "2 min"), (7199, "119 min"), (9000, "2 h")]
)
def test_elapsed_times_are_coarse(seconds: float, words: str) -> None:
    """A status that contains one would otherwise be written each second."""
    assert elapsed(seconds) == words
