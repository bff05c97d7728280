"""How long something takes, in words."""

import pytest

from greenscale_jobs.durations import duration, elapsed


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(-3, "0.0 s", id="a clock that runs behind"),
        pytest.param(0.44, "0.4 s", id="tenths below ten seconds"),
        pytest.param(9.97, "10 s", id="ten is whole, from below too"),
        pytest.param(11.6, "12 s", id="whole seconds from ten on"),
        pytest.param(119, "119 s", id="seconds below two minutes"),
        pytest.param(119.97, "2 min", id="two minutes, from below too"),
        pytest.param(120, "2 min", id="minutes from two on"),
        pytest.param(7199, "120 min", id="minutes below two hours"),
        pytest.param(7200, "2 h", id="hours from two on"),
        pytest.param(172_800, "2 days", id="days from two on"),
    ],
)
def test_a_duration_has_one_unit(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (49, "40 s"), (119, "110 s"), (130, "2 min"), (7199, "119 min"), (9000, "2 h")]
)
def test_elapsed_times_are_coarse(seconds: float, words: str) -> None:
    """A status that contains one would otherwise be written each second."""
    assert elapsed(seconds) == words
