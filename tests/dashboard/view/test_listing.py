"""What a viewer of Jobs reads for, found in a real Redis."""

import pytest

from greenscale_dashboard.view.listing import BEGINNING, LISTED, Filter, JobPage, Listing, Position, extent, find
from greenscale_jobs import Finished, Job, JobClient, JobQueue, JobState, Outcome
from greenscale_testing.local_redis import Clock


async def answer(queue: JobQueue, clock: Clock, count: int, *, prompt: str = "why") -> None:
    """Leave so many done jobs, the last of them the newest."""
    for number in range(count):
        await queue.submit(f"{prompt} {number}")
        (claim,) = await queue.claim("worker") or []
        await queue.finish([Finished(claim, "because", Outcome())])
        clock.advance(0.01)


def all_pages(client: JobClient, wanted: Filter, *, limit: int = 50) -> list[JobPage]:
    """Return all pages of a search."""
    pages: list[JobPage] = []
    position: Position | None = BEGINNING
    while position is not None:
        pages.append(find(client, wanted, position, limit=limit))
        position = pages[-1].next
    return pages


async def test_the_pages_together_hold_every_job_once(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 12)
    for number in range(7):
        await queue.submit(f"waits {number}")
    pages = all_pages(client, Filter(), limit=5)
    ids = [job.id for page in pages for job in page.jobs]

    assert [len(page.jobs) for page in pages] == [5, 5, 5, 4]
    assert len(set(ids)) == 19
    assert [page.start.found for page in pages] == [0, 5, 10, 15]


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
    (page,) = all_pages(client, Filter())

    assert [job.state for job in page.jobs] == list(LISTED)


async def test_a_search_finds_prompts_answers_and_errors(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 3, prompt="apple")
    await queue.submit("pear")
    (claim,) = await queue.claim("worker") or []
    await queue.bury(claim, "TooLong", "An apple is too long")
    found = [job for page in all_pages(client, Filter(text="APPLE")) for job in page.jobs]

    assert [job.state for job in found] == [JobState.DEAD, *[JobState.DONE] * 3]


async def test_a_search_that_takes_too_long_stops_and_says_where(
    queue: JobQueue, clock: Clock, client: JobClient
) -> None:
    await answer(queue, clock, 3)
    await queue.submit("waits")
    page = find(client, Filter(text="why"), max_seconds=0)

    assert page.jobs == ()
    assert page.next is not None  # at the next state: the first alone took all the time
    assert [job.prompt for job in find(client, Filter(text="why"), page.next).jobs] == ["why 2", "why 1", "why 0"]


async def test_only_jobs_of_the_time_are_found(queue: JobQueue, client: JobClient, clock: Clock) -> None:
    for ago in (600, 60, 0):
        clock.advance(-ago)
        await answer(queue, clock, 1, prompt=f"{ago} s ago")
        clock.advance(ago)
    prompts = [job.prompt for page in all_pages(client, Filter(age=300)) for job in page.jobs]

    assert prompts == ["0 s ago 0", "60 s ago 0"]


async def test_a_listing_is_read_again_only_when_the_queue_has_changed(queue: JobQueue, client: JobClient) -> None:
    ticks = iter([0.0, 0.0, 1.0, 2.0, 2.0])
    listing = Listing(Filter())
    reads = []
    for waiting in (1, 1, 2):
        await queue.submit("why")
        reads.append(listing.read(client, {JobState.WAITING: waiting}, clock=lambda: next(ticks)))

    assert reads[1] is reads[0]
    assert [len(page.jobs) for page in reads] == [1, 1, 3]


async def test_a_search_that_took_long_is_not_repeated_soon(queue: JobQueue, client: JobClient) -> None:
    """Ten viewers that leave a search of 100 000 jobs open must not keep Redis busy."""
    await queue.submit("why")
    ticks = iter([0.0, 1.0, 2.0, 21.0, 21.0])
    listing = Listing(Filter(text="why"))
    before, soon, later = (
        listing.read(client, {JobState.WAITING: number}, clock=lambda: next(ticks)) for number in range(3)
    )

    assert soon is before
    assert later is not before


async def test_turning_the_page_and_back_shows_the_same_jobs(queue: JobQueue, clock: Clock, client: JobClient) -> None:
    await answer(queue, clock, 60)
    listing = Listing(Filter())
    first = listing.read(client, {})
    listing.next_page()
    second = listing.read(client, {})
    listing.previous_page()

    assert (len(first.jobs), len(second.jobs)) == (50, 10)
    assert listing.read(client, {}).jobs == first.jobs


@pytest.mark.parametrize(
    ("page", "wanted", "text"),
    [
        pytest.param(JobPage((), Position(), None, full=False), Filter(), "", id="nothing there"),
        pytest.param(
            JobPage((Job("a", JobState.DONE, "p"),) * 50, Position(found=100), Position(searched=150), full=True),
            Filter(),
            "101 to 150 of 100,000",
            id="a page of all",
        ),
        pytest.param(
            JobPage((Job("a", JobState.DONE, "p"),) * 3, Position(), Position(searched=20_000), full=False),
            Filter(text="x"),
            "1 to 3 found, searched 20,000 of 100,000",
            id="not through",
        ),
        pytest.param(
            JobPage((), Position(found=3), None, full=False),
            Filter(text="x"),
            "3 found, searched 100,000 of 100,000",
            id="through",
        ),
    ],
)
def test_a_page_says_which_jobs_it_shows(page: JobPage, wanted: Filter, text: str) -> None:
    assert extent(page, wanted, {**dict.fromkeys(LISTED, 0), JobState.DONE: 100_000}) == text
