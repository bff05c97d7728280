"""The soak's eyes see what was: whoever blames the wrong worker finds faults that are none."""

from greenscale_jobs import Event, JobError
from greenscale_testing.soak_watch import claim_of


def test_a_job_that_was_sent_again_has_two_first_attempts() -> None:
    events = [
        Event("1000-0", "claimed", 1, "one"),
        Event("16000-0", "dead", 1),
        Event("17000-0", "waiting", 0),
        Event("18000-0", "claimed", 1, "two"),
        Event("19000-0", "done", 1),
    ]

    assert claim_of(JobError("WorkerLost", "gone", 1, 16.0), events) == events[0]
    assert claim_of(JobError("WorkerLost", "gone", 1, 18.5), events) == events[3]


def test_the_next_claim_may_come_in_the_millisecond_of_the_end() -> None:
    """A worker that waits takes it as soon as `maintain` has put it back."""
    events = [
        Event("1000-0", "claimed", 1, "one"),
        Event("16598-0", "waiting", 0),
        Event("16599-0", "claimed", 1, "two"),
        Event("16620-0", "done", 1),
    ]

    assert claim_of(JobError("WorkerLost", "gone", 1, 16.599), events) == events[0]
