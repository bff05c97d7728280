"""How long starts from zero take, for the operator and for local mode."""

from greenscale_jobs import Stats
from greenscale_jobs.wakes import WakeTracker

NOW = 1000.0


def stats(pending: int = 0, in_flight: int = 0, done: int = 0) -> Stats:
    return Stats(pending, in_flight, 0, 0, {"done": done})


def woken() -> WakeTracker:
    """A workload that was asleep, and for which a worker was wanted at second 1000."""
    wakes = WakeTracker()
    wakes.observe(0, stats(), now=NOW - 1)
    wakes.observe(1, stats(pending=1), now=NOW)
    return wakes


def test_a_start_from_zero_lasts_until_the_first_claim() -> None:
    wakes = woken()

    assert wakes.observe(1, stats(pending=1), now=NOW + 5) is None
    assert wakes.waking_since == NOW
    assert wakes.observe(1, stats(in_flight=1), now=NOW + 8) == 8
    assert wakes.waking_since is None


def test_a_job_that_is_claimed_and_done_between_two_observations_ends_the_start() -> None:
    wakes = woken()

    assert (wakes.observe(1, stats(done=1), now=NOW + 3), wakes.waking_since) == (3, None)


def test_a_start_ends_when_its_jobs_are_cancelled() -> None:
    """No work is left to wake for; the worker that comes all the same does not make it a start that took so long."""
    wakes = woken()

    assert wakes.observe(1, stats(), now=NOW + 3) is None
    assert wakes.waking_since is None
    assert wakes.observe(1, stats(in_flight=1), now=NOW + 60) is None


def test_a_start_goes_on_while_the_queue_cannot_be_read() -> None:
    wakes = woken()

    assert (wakes.observe(1, None, now=NOW + 3), wakes.waking_since) == (None, NOW)


def test_workers_that_ran_before_anyone_observed_are_not_taken_for_a_start() -> None:
    wakes = WakeTracker()
    wakes.observe(1, stats(in_flight=1), now=NOW)

    assert wakes.waking_since is None


def test_who_starts_the_workers_knows_that_none_ran() -> None:
    """A job may wait already when local mode polls for the first time."""
    wakes = WakeTracker(replicas=0)
    wakes.observe(1, stats(pending=1), now=NOW)

    assert wakes.waking_since == NOW


def test_a_worker_that_a_schedule_starts_wakes_for_no_job() -> None:
    wakes = WakeTracker()
    wakes.observe(0, stats(), now=NOW)
    wakes.observe(1, stats(), now=NOW + 1)

    assert wakes.waking_since is None
