"""The jobs as the page shows them: found in a real Redis, and told in words."""

import datetime as dt

import pytest

from greenscale_dashboard.view import jobs as view
from greenscale_dashboard.view.jobs import LISTED, Filter, Listing, Place, Sheet, find
from greenscale_jobs import Finished, Job, JobClient, JobError, JobQueue, JobState, Outcome, Usage
from greenscale_testing.local_redis import Clock

NOW = dt.datetime(2026, 11, 26, 14, 2, 20, tzinfo=dt.UTC).timestamp()


async def answer(queue: JobQueue, clock: Clock, count: int, *, prompt: str = "why") -> None:
    """Leave so many done jobs, the last of them the newest."""
    for number in range(count):
        await queue.submit(f"{prompt} {number}")
        (claim,) = await queue.claim("worker") or []
        await queue.finish([Finished(claim, "because", Outcome())])
        clock.advance(0.01)


def whole(client: JobClient, wanted: Filter, *, limit: int = 50) -> list[Sheet]:
    """Return all pages of a search."""
    sheets: list[Sheet] = []
    place: Place | None = view.BEGINNING
    while place is not None:
        sheets.append(find(client, wanted, place, limit=limit))
        place = sheets[-1].goes_on
    return sheets


async def test_the_pages_together_hold_every_job_once(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 12)
    for number in range(7):
        await queue.submit(f"waits {number}")
    sheets = whole(client, Filter(), limit=5)
    ids = [job.id for sheet in sheets for job in sheet.jobs]

    assert [len(sheet.jobs) for sheet in sheets] == [5, 5, 5, 4]
    assert len(set(ids)) == 19
    assert [sheet.begins.found for sheet in sheets] == [0, 5, 10, 15]


async def test_where_all_are_wanted_what_runs_comes_first_and_what_is_done_last(
    queue: JobQueue, clock: Clock, client: JobClient
) -> None:
    await answer(queue, clock, 1)
    for prompt in ("dies", "runs"):
        await queue.submit(prompt)
    dies, _ = await queue.claim("worker", 2) or []
    await queue.bury(dies, "TooLong", "the prompt is too long")
    await queue.submit("waits")
    await queue.submit("later", delay_seconds=60)
    (sheet,) = whole(client, Filter())

    assert [job.state for job in sheet.jobs] == list(LISTED)


async def test_a_search_finds_prompts_answers_and_errors(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 3, prompt="apple")
    await queue.submit("pear")
    (claim,) = await queue.claim("worker") or []
    await queue.bury(claim, "TooLong", "An apple is too long")
    found = [job for sheet in whole(client, Filter(text="APPLE")) for job in sheet.jobs]

    assert [job.state for job in found] == [JobState.DEAD, *[JobState.DONE] * 3]


async def test_a_search_that_takes_too_long_stops_and_says_where(
    queue: JobQueue, clock: Clock, client: JobClient
) -> None:
    await answer(queue, clock, 3)
    await queue.submit("waits")
    sheet = find(client, Filter(text="why"), most_seconds=0)

    assert sheet.jobs == ()
    assert sheet.goes_on is not None  # at the next state: the first alone took all the time
    assert [job.prompt for job in find(client, Filter(text="why"), sheet.goes_on).jobs] == ["why 2", "why 1", "why 0"]


async def test_only_jobs_of_the_time_are_found(queue: JobQueue, client: JobClient, clock: Clock) -> None:
    for ago in (600, 60, 0):
        clock.advance(-ago)
        await answer(queue, clock, 1, prompt=f"{ago} s ago")
        clock.advance(ago)
    prompts = [job.prompt for sheet in whole(client, Filter(age=300)) for job in sheet.jobs]

    assert prompts == ["0 s ago 0", "60 s ago 0"]


async def test_a_listing_is_read_anew_only_when_the_queue_has_changed(queue: JobQueue, client: JobClient) -> None:
    ticks = iter([0.0, 0.0, 1.0, 2.0, 2.0])
    listing = Listing(Filter())
    looks = []
    for waiting in (1, 1, 2):
        await queue.submit("why")
        looks.append(listing.look(client, {JobState.WAITING: waiting}, clock=lambda: next(ticks)))

    assert looks[1] is looks[0]
    assert [len(look.jobs) for look in looks] == [1, 1, 3]


async def test_a_search_that_took_long_is_not_repeated_soon(queue: JobQueue, client: JobClient) -> None:
    """Ten viewers that leave a search of 100 000 jobs open must not keep Redis busy."""
    await queue.submit("why")
    ticks = iter([0.0, 1.0, 2.0, 21.0, 21.0])
    listing = Listing(Filter(text="why"))
    before, soon, later = (
        listing.look(client, {JobState.WAITING: number}, clock=lambda: next(ticks)) for number in range(3)
    )

    assert soon is before
    assert later is not before


async def test_turning_the_page_and_back_shows_the_same_jobs(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 60)
    listing = Listing(Filter())
    first = listing.look(client, {})
    listing.turn()
    second = listing.look(client, {})
    listing.turn_back()

    assert (len(first.jobs), len(second.jobs)) == (50, 10)
    assert listing.look(client, {}).jobs == first.jobs


@pytest.mark.parametrize(
    ("sheet", "wanted", "said"),
    [
        pytest.param(Sheet((), Place(), None, full=False), Filter(), "", id="nothing there"),
        pytest.param(
            Sheet((Job("a", JobState.DONE, "p"),) * 50, Place(found=100), Place(looked_at=150), full=True),
            Filter(),
            "101 to 150 of 100,000",
            id="a page of all",
        ),
        pytest.param(
            Sheet((Job("a", JobState.DONE, "p"),) * 3, Place(), Place(looked_at=20_000), full=False),
            Filter(text="x"),
            "1 to 3 found, looked at 20,000 of 100,000",
            id="not through",
        ),
        pytest.param(
            Sheet((), Place(found=3), None, full=False),
            Filter(text="x"),
            "3 found, looked at 100,000 of 100,000",
            id="through",
        ),
    ],
)
def test_a_page_says_which_jobs_it_shows(sheet: Sheet, wanted: Filter, said: str) -> None:
    assert view.extent(sheet, wanted, {**dict.fromkeys(LISTED, 0), JobState.DONE: 100_000}) == said


RATE_LIMITED = JobError("RateLimited", "the engine answered 429", attempt=1, at=NOW - 5)


@pytest.mark.parametrize(
    ("job", "last", "took"),
    [
        pytest.param(
            Job("a", JobState.DONE, "p", submitted_at=NOW - 20, finished_at=NOW - 8, result="line\n  two"),
            "line two",
            "12 s",
            id="done",
        ),
        pytest.param(
            Job("a", JobState.DEAD, "p", submitted_at=NOW - 20, finished_at=NOW - 10, errors=(RATE_LIMITED,)),
            "the engine answered 429.",
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
def test_a_row_says_what_came_of_a_job_and_how_long_it_took(job: Job, last: str, took: str) -> None:
    row = view.row(job, now=NOW, zone=dt.UTC)

    assert (row.last, row.took) == (last, took)


def test_a_row_shows_the_beginning_of_a_long_text() -> None:
    row = view.row(Job("a", JobState.WAITING, "word " * 100_000), now=NOW, zone=dt.UTC)

    assert len(row.prompt) == view.EXCERPT_CHARS
    assert row.prompt.endswith("word…")


def test_a_life_is_told_in_order_with_every_failed_attempt() -> None:
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

    assert [(moment.at and NOW - moment.at, moment.what) for moment in view.life(job)] == [
        (20, "Sent"),
        (15, "Attempt 1 failed, WorkerLost: its lease ended."),
        (9, "Attempt 2 failed, RateLimited: 429."),
        (3, "Taken by worker assistant-1"),
        (2, "First words of the answer"),
        (0, "Done"),
    ]


def test_a_life_says_what_nobody_measured() -> None:
    (moment,) = view.life(Job("a", JobState.WAITING, "p"))

    assert (moment.at, moment.what) == (None, "Pushed by another client, nobody measured when")


def test_facts_leave_out_what_is_not_known() -> None:
    outcome = Outcome(model="gpt-4o-mini", usage=Usage(prompt_tokens=1200))

    assert view.facts(Job("a", JobState.DONE, "p")) == ""
    assert (
        view.facts(Job("a", JobState.DONE, "p", attempts=2, worker="w-1", outcome=outcome))
        == "worker w-1 · 2 attempts · gpt-4o-mini · 1,200 prompt tokens"
    )
