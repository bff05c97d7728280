"""What the charts of a workload are made of: levels, rates, times. What is not known is no zero."""

import msgspec
import pytest

from greenscale_dashboard.view.workload import History, commands, timing
from greenscale_jobs import Job, JobState, Sample, WorkloadStatus


def sample(at: float, pending: int = 0, *, done: int = 0, tokens: int | None = None) -> Sample:
    return Sample(at, pending, 0, 0, done, 0, tokens)


def test_a_level_holds_from_one_sample_to_the_next_and_is_unknown_before_and_after() -> None:
    history = History([sample(20, 5), sample(42, 1)], known_until=60)
    levels = history.levels(lambda sample: sample.pending, window=(0, 80), step=10)

    assert levels == [(0, None), (10, None), (20, 5), (30, 5), (40, 5), (50, 1), (60, None), (70, None)]


def test_a_short_peak_is_not_lost() -> None:
    history = History([sample(0, 1), sample(3, 9), sample(4, 1)], known_until=20)

    assert history.levels(lambda sample: sample.pending, window=(0, 20), step=10) == [(0, 9), (10, 1)]


def test_a_rate_is_what_was_counted_within_a_step() -> None:
    history = History([sample(0), sample(60, done=6), sample(120, done=6), sample(180, done=9)], known_until=240)

    assert history.rates(lambda sample: sample.done, window=(0, 240), step=60) == [(0, 6), (60, 0), (120, 3), (180, 0)]


def test_what_was_counted_after_a_silence_happened_at_its_end() -> None:
    """A queue that does nothing is not sampled: one job after two hours was not done slowly for two hours."""
    history = History([sample(0), sample(7200, done=60)], known_until=7200)
    rates = dict(history.rates(lambda sample: sample.done, window=(0, 7200), step=60))

    assert rates[7140] == 60
    assert sum(rate or 0 for rate in rates.values()) == 60


def test_a_counter_that_went_back_makes_a_gap() -> None:
    history = History([sample(0, done=50), sample(60, done=55), sample(120, done=2)], known_until=180)

    assert history.rates(lambda sample: sample.done, window=(0, 180), step=60) == [(0, 5), (60, None), (120, 0)]


def test_tokens_of_an_engine_that_reports_none_are_not_zero() -> None:
    history = History([sample(0), sample(60, done=6)], known_until=60)

    assert history.rates(lambda sample: sample.tokens, window=(0, 60), step=60) == [(0, None)]


def test_without_a_sample_nothing_is_known() -> None:
    history = History([], known_until=60)

    assert history.levels(lambda sample: sample.pending, window=(0, 20), step=10) == [(0, None), (10, None)]
    assert history.rates(lambda sample: sample.done, window=(0, 60), step=60) == [(0, None)]


def done(finished_at: float, took: float | None) -> Job:
    submitted_at = None if took is None else finished_at - took
    return Job("a", JobState.DONE, "p", submitted_at=submitted_at, finished_at=finished_at)


def test_percentiles_are_those_of_the_jobs_that_were_timed() -> None:
    jobs = [done(1000 + took, took) for took in range(1, 101)]
    durations = timing([*jobs, done(1000, None), done(10, 5.0)], since=500, limit=200)

    assert (durations.percentile(50), durations.percentile(95), len(durations.points)) == (50, 95, 100)
    assert (durations.unmeasured, durations.complete) == (1, True)


@pytest.mark.parametrize(("limit", "complete"), [(2, False), (3, True)])
def test_it_says_whether_more_jobs_were_done_than_were_read(limit: int, complete: bool) -> None:  # noqa: FBT001
    assert timing([done(10, 1.0), done(11, 1.0)], since=0, limit=limit).complete is complete


def test_of_no_job_there_is_no_percentile() -> None:
    assert timing([], since=0, limit=200).percentile(50) is None


def test_commands_have_the_right_names_and_are_safe_to_paste(status: WorkloadStatus) -> None:
    renamed = msgspec.structs.replace(status, namespace="team-a", name="x; rm -rf /")

    assert ("Resource", "kubectl -n team-a get gsw 'x; rm -rf /' -o yaml") in commands(renamed, local=False)
    assert ("ScaledObject", "kubectl -n default get scaledobject assistant-scaler -o yaml") in (
        commands(status, local=False)
    )
    assert all(command.startswith("greenscale ") for _, command in commands(status, local=True))
