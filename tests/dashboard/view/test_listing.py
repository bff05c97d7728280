"""What a viewer of Jobs looks for, found in a real Redis page by page."""

import pytest

from greenscale_dashboard.view.listing import BEGINNING, LISTED, Filter, Listing, Place, Sheet, extent, find
from greenscale_jobs import Finished, Job, JobClient, JobQueue, JobState, Outcome
from greenscale_testing.local_redis import Clock


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
    place: Place | None = BEGINNING
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
    assert extent(sheet, wanted, {**dict.fromkeys(LISTED, 0), JobState.DONE: 100_000}) == said
