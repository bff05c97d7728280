"""A job as text."""

import datetime as dt

import pytest

from greenscale_dashboard.view import jobs as view
from greenscale_jobs import Job, JobError, JobState, Outcome, UnchargedTries, Usage

NOW = dt.datetime(2026, 11, 26, 14, 2, 20, tzinfo=dt.UTC).timestamp()

RATE_LIMITED = JobError("RateLimited", "the engine answered 429", attempt=1, at=NOW - 5)


@pytest.mark.parametrize(
    ("job", "answer_or_error", "took"),
    [
        pytest.param(
            Job("a", JobState.DONE, "p", submitted_at=NOW - 20, finished_at=NOW - 8, result="line\n  two"),
            "line two",
            "12 s",
            id="done",
        ),
        pytest.param(
            Job("a", JobState.DEAD, "p", submitted_at=NOW - 20, finished_at=NOW - 10, errors=(RATE_LIMITED,)),
            "The engine answered 429.",
            "10 s",
            id="a dead one says why",
        ),
        pytest.param(Job("a", JobState.RUNNING, "p", claimed_at=NOW - 3), "", "running for 3.0 s", id="running"),
        pytest.param(Job("a", JobState.WAITING, "p", submitted_at=NOW - 90), "", "waiting for 90 s", id="waiting"),
        pytest.param(Job("a", JobState.DELAYED, "p", due_at=NOW + 600), "", "due in 10 min", id="for later"),
        pytest.param(
            Job("a", JobState.DONE, "p", finished_at=NOW, result=""), "", "\N{EN DASH}", id="pushed by another client"
        ),
    ],
)
def test_a_row_says_what_came_of_a_job_and_how_long_it_took(job: Job, answer_or_error: str, took: str) -> None:
    row = view.row(job, now=NOW, zone=dt.UTC)

    assert (row.answer_or_error, row.took) == (answer_or_error, took)


def test_a_row_shows_the_beginning_of_a_long_text() -> None:
    row = view.row(Job("a", JobState.WAITING, "word " * 100_000), now=NOW, zone=dt.UTC)

    assert len(row.prompt) == view.EXCERPT_CHARS
    assert row.prompt.endswith("word…")


def test_a_timeline_is_in_order_with_every_failed_attempt() -> None:
    job = Job(
        "a",
        JobState.DONE,
        "p",
        submitted_at=NOW - 20,
        claimed_at=NOW - 3,
        finished_at=NOW,
        worker="assistant-1",
        errors=(JobError("WorkerLost", "its lease ended", 1, NOW - 15), JobError("RateLimited", "429", 2, NOW - 9)),
        outcome=Outcome(first_token_at=NOW - 2),
    )

    assert [(entry.at and NOW - entry.at, entry.what) for entry in view.timeline(job)] == [
        (20, "Sent"),
        (15, "Attempt 1 failed, WorkerLost: its lease ended."),
        (9, "Attempt 2 failed, RateLimited: 429."),
        (3, "Claimed by worker assistant-1"),
        (2, "First token"),
        (0, "Done"),
    ]


def test_a_timeline_says_what_was_not_measured() -> None:
    (entry,) = view.timeline(Job("a", JobState.WAITING, "p"))

    assert (entry.at, entry.what) == (None, "Pushed by another client, time not recorded")


def test_details_leave_out_what_is_not_known() -> None:
    outcome = Outcome(model="gpt-4o-mini", usage=Usage(prompt_tokens=1200))

    assert view.details(Job("a", JobState.DONE, "p")) == ""
    assert (
        view.details(Job("a", JobState.DONE, "p", attempts=2, worker="w-1", outcome=outcome))
        == "worker w-1 · 2 attempts · gpt-4o-mini · 1,200 prompt tokens"
    )


def test_tries_without_charge_and_losses_are_shown() -> None:
    tries = UnchargedTries(4, NOW - 60, NOW - 5, "Overloaded", "the engine answered 503")
    job = Job(
        "a",
        JobState.DELAYED,
        "p",
        submitted_at=NOW - 90,
        due_at=NOW + 5,
        uncharged=tries,
        losses=2,
        lost_alone=1,
        suspect=True,
        stray=True,
        outcome=Outcome(finish_reason="length"),
    )

    assert [entry.what for entry in view.timeline(job)] == [
        "Sent",
        "First uncharged try",
        "Tried 4 times without being charged, most recently: Overloaded: the engine answered 503.",
        "Next try",
    ]
    assert view.details(job).split(" · ") == [
        "cut off at maxTokens",
        "was running when an engine or worker was lost (2 times)",
        "was running alone when an engine or worker was lost (1 time)",
        "suspect: runs alone",
        "stray: it is in no list, so no worker can claim it; greenscale jobs retry a puts it back",
    ]
    assert view.row(job, now=NOW, zone=dt.UTC).answer_or_error == "The engine answered 503."
