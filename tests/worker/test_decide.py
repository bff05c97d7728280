"""What becomes of a job whose attempt failed."""

import pytest

from greenscale_worker.decide import Backoff, GiveUp, Release, Retry, decide
from greenscale_worker.errors import AttemptFailed, EngineError, EngineInTrouble, EngineMisconfigured, JobRejected

BACKOFF = Backoff(initial_seconds=5, longest_seconds=300)


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        pytest.param(AttemptFailed("ServerError", "m"), 1, Retry(2.5), id="the first retry"),
        pytest.param(AttemptFailed("ServerError", "m"), 2, Retry(5.0), id="the second waits longer"),
        pytest.param(AttemptFailed("ServerError", "m"), 3, GiveUp(), id="the last attempt"),
        pytest.param(EngineInTrouble("RateLimited", "m", retry_after_seconds=60), 1, Retry(60.25), id="told when"),
        pytest.param(JobRejected("InvalidRequest", "m"), 1, GiveUp(), id="never good"),
        pytest.param(EngineMisconfigured("Unauthorized", "m"), 1, Release(), id="not the job's fault"),
        pytest.param(EngineMisconfigured("Unauthorized", "m"), 3, Release(), id="not even at the last attempt"),
    ],
)
def test_decide(error: EngineError, attempt: int, expected: object) -> None:
    assert decide(error, attempt=attempt, max_attempts=3, backoff=BACKOFF, jitter=0.5) == expected


def test_backoff_has_a_ceiling_and_full_jitter() -> None:
    assert [BACKOFF.delay(attempt, jitter=1) for attempt in (1, 2, 3, 7, 1000)] == [5, 10, 20, 300, 300]
    assert BACKOFF.delay(9, jitter=0) == 0
