"""Many prompts at once: read from lines, sent to a real queue."""

import io

import pytest

from greenscale_dashboard.view.batch import Batch, both, read_file, read_lines, through
from greenscale_jobs import JobClient, JobQueue, JobState, Parameters, Stats
from greenscale_jobs.file_kinds import RefusedFile
from greenscale_jobs.prompt_files import BrokenLine
from greenscale_jobs.sending import CHUNK_LINES
from greenscale_testing.local_redis import RedisServer

NONE = Parameters()


def prompts(batch: Batch) -> list[str]:
    return [line.item.prompt for line in batch.lines]


def send(batch: Batch, client: JobClient) -> Batch:
    for _ in batch.feed(client):
        pass
    return batch


def test_each_line_is_a_prompt_in_either_form() -> None:
    batch = read_lines(
        'plain\r\n\n  \n{"prompt": "said in JSON", "parameters": {"temperature": 0.2}}\n# not a comment',
        Parameters(max_tokens=9, temperature=1.0),
    )

    assert prompts(batch) == ["plain", "said in JSON", "# not a comment"]
    assert [line.item.parameters for line in batch.lines] == [
        Parameters(max_tokens=9, temperature=1.0),
        Parameters(max_tokens=9, temperature=0.2),
        Parameters(max_tokens=9, temperature=1.0),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param(
            '{"prompt": "no end', "the line begins like a JSON object but is not valid JSON", id="broken JSON"
        ),
        pytest.param('{"text": "hi"}', "the line does not fit: Object contains unknown field", id="no prompt"),
        pytest.param('{"prompt": " "}', "the prompt is empty", id="blank"),
        pytest.param("x" * (1024 * 1024 + 1), "the prompt has 1048577 bytes", id="more than 1 MiB"),
        pytest.param("caf\udce9", "it is not UTF-8 (byte 3)", id="a byte that is no UTF-8"),
        pytest.param('{"prompt": "caf\udce9"}', "it is not UTF-8 (byte 15)", id="the same in JSON"),
        pytest.param("{" * 100_000, "the line begins like a JSON object but is not valid JSON", id="endlessly deep"),
    ],
)
def test_a_broken_line_is_named_by_its_number_and_the_rest_goes_on(line: str, why: str) -> None:
    batch = read_lines(f"first\n\n{line}\nlast", NONE)
    ((number, reason),) = [(broken.number, broken.why) for broken in batch.broken]

    assert prompts(batch) == ["first", "last"]
    assert (number, reason[: len(why)]) == (3, why)


async def test_a_hundred_thousand_lines_all_go_in_by_their_order(client: JobClient, queue: JobQueue) -> None:
    await queue.configure(max_length=200_000, result_ttl_seconds=60, paused=False)
    batch = send(read_lines("\n".join(f"line {number}" for number in range(100_000)), NONE), client)

    assert (batch.sent, batch.left, client.stats().pending) == (100_000, 0, 100_000)
    assert [job.prompt for job in client.jobs(JobState.WAITING, limit=2).jobs] == ["line 0", "line 1"]


async def test_a_full_queue_is_filled_and_the_rest_follows_when_there_is_room(
    client: JobClient, queue: JobQueue
) -> None:
    most = CHUNK_LINES + 77
    await queue.configure(max_length=most, result_ttl_seconds=60, paused=False)
    batch = send(read_lines("\n".join(f"line {number}" for number in range(CHUNK_LINES * 2)), NONE), client)
    full = batch.full, batch.sent, batch.left, client.stats().pending
    rest = read_lines(batch.rest, NONE)
    await queue.claim("w", 10)
    send(batch, client)

    assert full[0].startswith(f"the queue is full: {most} of at most {most} jobs wait")
    assert full[1:] == (most, CHUNK_LINES - 77, most)
    assert prompts(rest) == [f"line {number}" for number in range(most, CHUNK_LINES * 2)]
    assert (batch.sent, client.stats().pending) == (most + 10, most)


def test_a_portion_whose_answer_was_lost_is_not_sent_twice(client: JobClient) -> None:
    """Redis took it; only the answer did not come back."""
    batch = read_lines("\n".join(f"line {number}" for number in range(CHUNK_LINES + 5)), NONE)
    client.submit_many([line.item for line in batch.lines[:CHUNK_LINES]])
    send(batch, client)

    assert (batch.left, client.stats().pending) == (0, CHUNK_LINES + 5)


def test_redis_that_is_away_loses_nothing(own_redis: RedisServer) -> None:
    batch = read_lines("one\ntwo", NONE)
    with JobClient(own_redis.address) as client:
        send(batch, client)
        away = batch.full, batch.left, len(batch.sender.unsure)
        own_redis.start()
        send(batch, client)

        assert away[0].startswith(f"Redis at {own_redis.address} does not answer")
        assert away[1:] == (2, 2)
        assert (batch.left, client.stats().pending) == (0, 2)


@pytest.mark.parametrize(
    ("sent", "now", "expected"),
    [
        pytest.param(10, Stats(3, 2, 1, 0), (4, False), id="some are left, perhaps others' too"),
        pytest.param(10, Stats(90, 0, 0, 0), (0, False), id="others' wait before them"),
        pytest.param(10, Stats(0, 0, 0, 4), (10, True), id="the queue is empty"),
        pytest.param(0, Stats(9, 0, 0, 0), (0, True), id="none was sent"),
    ],
)
def test_how_many_are_through(sent: int, now: Stats, expected: tuple[int, bool]) -> None:
    batch = read_lines("", NONE)
    batch.sender.jobs += [(number, f"j{number}") for number in range(sent)]

    assert through(batch, now) == expected


def test_a_broken_line_says_where_and_why() -> None:
    assert read_lines('\n{"prompt": ""}', NONE).broken == [BrokenLine(2, "the prompt is empty", 14)]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("P.JSONL", b'{"prompt": "a"}\n{"prompt": "b"}', ["a", "b"], id="JSON Lines"),
        pytest.param("p.json", b'[\n {"prompt": "a"},\n "b"\n]', ["a", "b"], id="a JSON list"),
        pytest.param("p.csv", b'prompt,maxTokens\n"a, b",7\n', ["a, b"], id="CSV"),
        pytest.param("p.txt", "a\nä".encode("utf-16"), ["a", "ä"], id="UTF-16"),
    ],
)
def test_a_file_is_read_as_by_the_command(name: str, content: bytes, expected: list[str]) -> None:
    assert prompts(read_file(io.BytesIO(content), NONE, name=name)) == expected


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        pytest.param("p.txt", "a\nb".encode("utf-16-le"), "is not text: it has a NUL byte in line 1", id="UTF-16"),
        pytest.param("p.csv", b"PK\x03\x04", "is a zip archive", id="a spreadsheet"),
        pytest.param("p.txt", b'[\n"a"]', "looks like a JSON array", id="a JSON list as text"),
        pytest.param("p.csv", b"question\na\n", "must name its columns", id="CSV without a prompt"),
    ],
)
def test_a_file_that_is_none_of_prompts_is_refused_whole(name: str, content: bytes, why: str) -> None:
    with pytest.raises(RefusedFile, match=why):
        read_file(io.BytesIO(content), NONE, name=name)


def test_an_id_that_the_file_gives_is_the_jobs(client: JobClient) -> None:
    """A file that the command takes goes in here as well, and the same one twice is one batch."""
    for _ in range(2):
        batch = send(read_lines('plain\n{"prompt": "hi", "id": "mine"}', NONE), client)

    assert (batch.sent, batch.left, batch.broken) == (2, 0, [])
    assert client.job("mine").prompt == "hi"
    assert client.stats().counters["submitted"] == 3


def test_what_the_queue_refuses_is_named_and_the_rest_goes_on(client: JobClient) -> None:
    client.submit("another", job_id="mine")
    batch = send(read_lines('first\n{"prompt": "hi", "id": "mine"}\nlast', NONE), client)
    ((number, why),) = [(broken.number, broken.why) for broken in batch.broken]

    assert number == 2
    assert why.startswith("the id mine stands for another prompt")
    assert (batch.sent, batch.total, batch.left) == (2, 2, 0)


async def test_the_rest_that_is_sent_from_a_file_and_by_the_page_is_in_once(client: JobClient, queue: JobQueue) -> None:
    await queue.configure(max_length=1, result_ttl_seconds=60, paused=False)
    batch = send(read_lines("one\ntwo\nthree", NONE), client)
    await queue.configure(max_length=9, result_ttl_seconds=60, paused=False)
    send(read_lines(batch.rest, NONE), client)
    send(batch, client)

    assert [job.prompt for job in client.jobs(JobState.WAITING).jobs] == ["one", "two", "three"]


def test_what_was_typed_goes_before_the_file(client: JobClient) -> None:
    send(both(read_lines("typed\n", NONE), read_lines("from the file\n", NONE)), client)

    assert [job.prompt for job in client.jobs(JobState.WAITING).jobs] == ["typed", "from the file"]
