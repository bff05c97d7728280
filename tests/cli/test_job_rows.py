"""What `jobs show` prints about a job."""

import pytest

from greenscale_cli.job_rows import fields_of, list_row
from greenscale_jobs import Job, JobError, JobState, Outcome, UnchargedTries
from greenscale_jobs.document import document

TRIES = UnchargedTries(4, 1_700_000_000.0, 1_700_000_060.0, "Overloaded", "the engine answered 503")


@pytest.mark.parametrize(
    ("job", "name", "value"),
    [
        pytest.param(
            Job("j", JobState.DELAYED, "p", uncharged=TRIES),
            "uncharged tries",
            "4 times since 2023-11-14T22:13:20.000Z, most recently 2023-11-14T22:14:20.000Z: Overloaded: "
            "the engine answered 503",
            id="an outage",
        ),
        pytest.param(
            Job("j", JobState.WAITING, "p", losses=2),
            "losses",
            "was running when an engine or worker was lost (2 times)",
            id="lost in company",
        ),
        pytest.param(
            Job("j", JobState.WAITING, "p", lost_alone=1),
            "lost alone",
            "was running alone when an engine or worker was lost (once)",
            id="lost alone",
        ),
        pytest.param(
            Job("j", JobState.WAITING, "p", suspect=True),
            "suspect",
            "runs alone, because it was running each time that an engine or worker was lost",
            id="a suspect",
        ),
        pytest.param(
            Job("j", JobState.WAITING, "p", stray=True),
            "stray",
            "it is in no list, so no worker can claim it; `greenscale jobs retry j` puts it back",
            id="stray",
        ),
        pytest.param(Job("j", JobState.DEAD, None, unread="\\x00garbage"), "unreadable", "\\x00garbage", id="not read"),
        pytest.param(
            Job("j", JobState.DONE, "p", result="a", outcome=Outcome(finish_reason="length")),
            "cut off",
            "at maxTokens: raise --max-tokens or engine.parameters.maxTokens for a longer answer",
            id="cut off",
        ),
    ],
)
def test_what_became_of_a_job_is_shown(job: Job, name: str, value: str) -> None:
    assert dict(fields_of(job))[name] == value


def test_a_job_without_such_news_has_no_such_rows() -> None:
    rows = dict(fields_of(Job("j", JobState.DONE, "p", result="a", outcome=Outcome(finish_reason="stop"))))

    assert set(rows) == {"id", "state", "prompt", "submitted", "attempts", "answer"}


@pytest.mark.parametrize(
    ("error_at", "expected"),
    [(1_700_000_000.0, "Overloaded: the"), (1_800_000_000.0, "Refused: no")],
    ids=["older", "newer"],
)
def test_a_row_of_the_list_has_what_failed_last(error_at: float, expected: str) -> None:
    job = Job("j", JobState.DELAYED, "p", errors=(JobError("Refused", "no", 1, error_at),), uncharged=TRIES)

    assert list_row(job, now=0)[-1].startswith(expected)


def test_a_document_has_its_times_in_rfc_3339() -> None:
    assert document(Job("j", JobState.WAITING, "p", uncharged=TRIES, suspect=True, losses=2)) == {
        "id": "j",
        "state": "waiting",
        "prompt": "p",
        "errors": [],
        "uncharged": {
            "count": 4,
            "firstAt": "2023-11-14T22:13:20.000Z",
            "lastAt": "2023-11-14T22:14:20.000Z",
            "reason": "Overloaded",
            "message": "the engine answered 503",
        },
        "losses": 2,
        "suspect": True,
    }
