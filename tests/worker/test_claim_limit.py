"""How many jobs a worker has in hand while its engine is well, away, or overloaded."""

import pytest

from greenscale_worker.claim_limit import ClaimLimit


def limits_while_answered(limit: ClaimLimit, count: int) -> list[int]:
    limits = []
    for number in range(count):
        limit.answered(f"job {number}", 1000.0, started_at=1000.0)
        limits.append(limit.allowed)
    return limits


def test_one_job_finds_out_and_the_former_limit_returns_by_doubling() -> None:
    limit = ClaimLimit(16)
    limit.troubled(0.0)

    assert limit.allowed == 1
    assert limits_while_answered(limit, 5) == [2, 4, 8, 16, 16]


def test_after_an_overload_half_returns_at_once_and_the_rest_slowly() -> None:
    limit = ClaimLimit(8)
    limit.troubled(0.0, overloaded=True)

    assert limits_while_answered(limit, 2) == [2, 4]
    assert limits_while_answered(limit, 3) == [4, 4, 4]
    assert limits_while_answered(limit, 40)[-1] == 8


def test_a_second_outage_while_it_grows_keeps_the_goal() -> None:
    limit = ClaimLimit(16)
    limit.troubled(0.0)
    limit.answered("a", 6.0, started_at=6.0)
    limit.troubled(7.0)

    assert limits_while_answered(limit, 4) == [2, 4, 8, 16]


@pytest.mark.parametrize(("lasted", "pause"), [(0.0, 5.0), (59.0, 5.0), (120.0, 10.0), (719.0, 59.9), (86_400.0, 60.0)])
def test_probes_are_rarer_the_longer_it_lasts(lasted: float, pause: float) -> None:
    limit = ClaimLimit(8)
    limit.troubled(0.0)
    limit.troubled(lasted + 5.0)

    assert limit.pause_seconds(lasted + 5.0) == pytest.approx(max(5.0, min(60.0, pause)), abs=0.5)


def test_what_is_refused_together_is_one_refusal() -> None:
    limit = ClaimLimit(8)
    news = [limit.troubled(0.1 * number) for number in range(8)]

    assert news == [True] + [False] * 7
    assert limit.pause_seconds(0.0) == pytest.approx(5.0)


def test_a_wish_to_be_left_alone_holds_for_all_claims() -> None:
    limit = ClaimLimit(8)
    limit.troubled(0.0)
    limit.troubled(0.1, retry_after_seconds=30.0)

    assert limit.pause_seconds(0.1) == pytest.approx(30.0)


def test_a_failure_is_the_jobs_while_others_are_answered() -> None:
    limit = ClaimLimit(8)
    limit.answered("good", 0.0, started_at=0.0)

    assert [limit.failed("poison", started_at=at) for at in (1.0, 10.0, 30.0)] == [True] * 3


def test_a_failure_is_the_engines_while_none_is_answered() -> None:
    assert not ClaimLimit(8).failed("first", started_at=0.0)


def test_several_jobs_that_fail_in_a_row_are_the_engines_failure() -> None:
    limit = ClaimLimit(8)
    limit.answered("good", 0.0, started_at=0.0)

    assert [limit.failed(job_id, started_at=1.0) for job_id in "abcd"] == [True, True, False, False]
    limit.answered("good", 2.0, started_at=2.0)
    assert limit.failed("a", started_at=3.0)


def test_an_answer_of_long_ago_says_nothing() -> None:
    limit = ClaimLimit(8)
    limit.answered("good", 0.0, started_at=0.0)

    assert not limit.failed("a", started_at=3601.0)


def test_a_doubtful_job_is_vouched_for_by_another_that_was_answered_since() -> None:
    limit = ClaimLimit(8)
    limit.answered("before", 0.0, started_at=0.0)

    assert [limit.doubted("a", "Forbidden"), limit.doubted("a", "Forbidden")] == [(1, False), (2, False)]
    limit.answered("b", 1.0, started_at=1.0)
    assert (limit.doubted("a", "Forbidden"), limit.doubted("c", "Forbidden")) == ((3, True), (1, False))


def test_trouble_is_over_with_the_first_answer() -> None:
    limit = ClaimLimit(8)
    limit.troubled(5.0)
    assert limit.trouble_since == 5.0
    limit.answered("a", 6.0, started_at=6.0)

    assert limit.trouble_since is None
    assert limit.pause_seconds(6.0) < 0


def test_while_nobody_is_answered_nobody_vouches_for_the_engine() -> None:
    """A key is revoked: what was doubtful before must not be buried for it."""
    limit = ClaimLimit(8)
    limit.doubted("a", "Forbidden")
    limit.answered("b", 0.0, started_at=0.0)
    for job_id in "cde":
        limit.failed(job_id, started_at=1.0)

    assert limit.doubted("a", "Forbidden") == (2, False)


def test_a_refusal_for_the_jobs_own_sake_ends_the_trouble_but_vouches_for_nobody() -> None:
    limit = ClaimLimit(8)
    limit.troubled(0.0)
    limit.doubted("a", "Forbidden")
    limit.responded("b", started_at=1.0)

    assert limit.trouble_since is None
    assert limit.doubted("a", "Forbidden") == (2, False)


def test_an_answer_of_before_the_refusal_says_nothing_about_now() -> None:
    limit = ClaimLimit(8)
    limit.troubled(10.0)
    limit.answered("slow", 11.0, started_at=9.0)

    assert (limit.allowed, limit.trouble_since) == (1, 10.0)
    limit.answered("probe", 16.0, started_at=15.0)
    assert (limit.allowed, limit.trouble_since) == (2, None)


def test_a_guess_is_refuted_by_any_answer() -> None:
    limit = ClaimLimit(8)
    limit.troubled(10.0, says_so=False)
    limit.answered("slow", 11.0, started_at=9.0)

    assert limit.trouble_since is None


def test_a_refusal_for_another_reason_is_a_first_one_again() -> None:
    limit = ClaimLimit(8)
    limit.doubted("a", "Forbidden")
    limit.answered("b", 1.0, started_at=1.0)

    assert limit.doubted("a", "WrongAddress") == (2, False)
    limit.answered("c", 2.0, started_at=2.0)
    assert limit.doubted("a", "WrongAddress") == (3, True)
