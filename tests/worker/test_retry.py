"""What becomes of a job whose attempt brought no answer."""

import pytest

from greenscale_worker.backoff import Backoff
from greenscale_worker.errors import (
    AttemptFailed,
    Doubtful,
    EngineError,
    EngineInTrouble,
    EngineLost,
    EngineMisconfigured,
    JobRejected,
    NewerVersion,
)
from greenscale_worker.retry import Doubt, Evidence, GiveUp, Leave, Lost, Postpone, Retry, blames_engine, next_step

BACKOFF = Backoff(initial_seconds=5, max_seconds=300)
WORKS, BROKEN = Evidence(engine_works=True), Evidence(engine_works=False)


@pytest.mark.parametrize(
    ("error", "attempt", "evidence", "expected"),
    [
        pytest.param(AttemptFailed("ServerError", "m"), 1, WORKS, Retry(2.5), id="the first retry"),
        pytest.param(AttemptFailed("ServerError", "m"), 2, WORKS, Retry(5.0), id="the second waits longer"),
        pytest.param(AttemptFailed("ServerError", "m"), 3, WORKS, GiveUp(), id="the last attempt"),
        pytest.param(AttemptFailed("ServerError", "m"), 3, BROKEN, Postpone(behind=True), id="nobody is answered"),
        pytest.param(JobRejected("InvalidRequest", "m"), 1, BROKEN, GiveUp(), id="never good"),
        pytest.param(EngineInTrouble("RateLimited", "m"), 3, WORKS, Postpone(), id="a rate limit"),
        pytest.param(EngineMisconfigured("Unauthorized", "m"), 3, WORKS, Postpone(), id="a wrong key"),
        pytest.param(EngineLost("EngineLost", "m"), 3, WORKS, Lost(), id="the engine is lost"),
        pytest.param(NewerVersion("NewerVersion", "m"), 9, BROKEN, Leave(10.0), id="a newer version's job"),
        pytest.param(
            Doubtful("Forbidden", "m"), 3, Evidence(engine_works=True, refusals=1), Doubt(3.75), id="doubtful"
        ),
        pytest.param(
            Doubtful("Forbidden", "m"), 3, Evidence(engine_works=True, refusals=9), Doubt(45.0), id="doubtful for long"
        ),
        pytest.param(
            Doubtful("Forbidden", "m"),
            1,
            Evidence(engine_works=True, refusals=2, vouched=True),
            GiveUp(),
            id="others were answered",
        ),
    ],
)
def test_next_step(error: EngineError, attempt: int, evidence: Evidence, expected: object) -> None:
    assert next_step(error, attempt=attempt, max_attempts=3, backoff=BACKOFF, evidence=evidence, jitter=0.5) == expected


@pytest.mark.parametrize(
    ("error", "works", "blamed"),
    [
        (EngineInTrouble("Overloaded", "m"), True, True),
        (EngineMisconfigured("Unauthorized", "m"), True, True),
        (AttemptFailed("ServerError", "m"), True, False),
        (AttemptFailed("ServerError", "m"), False, True),
        (Doubtful("Forbidden", "m"), True, False),
        (Doubtful("Forbidden", "m"), False, True),
        (EngineLost("EngineLost", "m"), False, True),
        (JobRejected("InvalidRequest", "m"), False, False),
        (NewerVersion("NewerVersion", "m"), False, False),
    ],
)
def test_claims_slow_down_only_where_the_engine_is_at_fault(error: EngineError, *, works: bool, blamed: bool) -> None:
    assert blames_engine(error, evidence=Evidence(works)) is blamed


def test_backoff_has_a_ceiling_and_full_jitter() -> None:
    assert [BACKOFF.delay(attempt, jitter=1) for attempt in (1, 2, 3, 7, 1000)] == [5, 10, 20, 300, 300]
    assert BACKOFF.delay(9, jitter=0) == 0
