"""The sender of files: what is in, what is refused, and where it goes on."""

import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from greenscale_jobs import Item, JobClient, JobQueue, JobState, QueueFull, QueueUnavailable, RedisAddress, new_item
from greenscale_jobs.prompt_files import BrokenLine, Line
from greenscale_jobs.sending import CHUNK_BYTES, CHUNK_LINES, Sender, Terms
from greenscale_testing.local_redis import RedisServer


class Counted(JobClient):
    """Notes how many jobs go in each call to Redis."""

    def __init__(self, address: RedisAddress) -> None:
        super().__init__(address)
        self.calls: list[int] = []

    def submit_many(self, items: Sequence[Item], **terms: Any) -> None:
        self.calls.append(len(items))
        super().submit_many(items, **terms)


@pytest.fixture
def client(address: RedisAddress) -> Iterator[Counted]:
    with Counted(address) as client:
        yield client


def lines(count: int, *, job_ids: str = "j{}", size: int = 10) -> list[Line]:
    return [
        Line(number, new_item(f"prompt {number}", job_id=job_ids.format(number)), size, named=True)
        for number in range(1, count + 1)
    ]


def send(sender: Sender, client: JobClient) -> None:
    while sender.read_chunk():
        sender.send_chunk(client)


def test_a_chunk_has_so_many_lines_or_so_many_bytes(client: Counted) -> None:
    send(Sender(lines(CHUNK_LINES + 1)), client)
    send(Sender(lines(3, job_ids="k{}", size=CHUNK_BYTES // 2)), client)

    assert client.calls == [CHUNK_LINES, 1, 2, 1]


def test_lines_are_read_as_they_are_sent() -> None:
    """A file may be a pipe that goes on for hours."""
    many = iter(lines(2 * CHUNK_LINES))
    sender = Sender(many)
    sender.read_chunk()

    assert next(many).number == CHUNK_LINES + 1


def test_one_line_that_is_refused_is_found_by_halves(client: Counted) -> None:
    client.submit("another", job_id="j300")
    sender = Sender(lines(CHUNK_LINES))
    send(sender, client)
    (refused,) = sender.refused

    assert (refused.number, len(sender.jobs)) == (300, CHUNK_LINES - 1)
    assert len(client.calls) < 20


def test_a_file_that_is_refused_as_a_whole_takes_no_more_calls_than_halves_need(client: Counted) -> None:
    """So it is when a changed file is sent under the keys of the former one."""
    for number in range(1, CHUNK_LINES + 1):
        client.submit("another", job_id=f"j{number}")
    sender = Sender(lines(CHUNK_LINES))
    send(sender, client)

    assert len(sender.refused) == CHUNK_LINES
    assert len(client.calls) == 2 * CHUNK_LINES - 1
    assert sum(client.calls) < 10 * CHUNK_LINES


async def test_a_full_queue_is_filled_and_the_same_sender_goes_on(client: JobClient, queue: JobQueue) -> None:
    await queue.configure(max_length=7, result_ttl_seconds=60, paused=False)
    sender = Sender(lines(10))
    with pytest.raises(QueueFull):
        send(sender, client)
    before = sender.goes_on_at, [number for number, _ in sender.jobs]
    await queue.configure(max_length=10, result_ttl_seconds=60, paused=False)
    send(sender, client)

    assert before == (8, [1, 2, 3, 4, 5, 6, 7])
    assert [job.id for job in client.jobs(JobState.WAITING).jobs] == [f"j{number}" for number in range(1, 11)]
    assert sender.goes_on_at == 11


def test_what_got_no_answer_is_unsure_and_is_not_sent_twice(own_redis: RedisServer) -> None:
    own_redis.start()
    sender = Sender(lines(CHUNK_LINES + 3))
    with JobClient(own_redis.address) as client:
        sender.read_chunk()
        sender.send_chunk(client)
        sender.read_chunk()
        assert own_redis.process is not None
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(QueueUnavailable):
                sender.send_chunk(client)
        finally:
            os.kill(own_redis.process.pid, signal.SIGCONT)
        unsure = [line.number for line in sender.unsure]
        send(sender, client)

        assert unsure == [CHUNK_LINES + 1, CHUNK_LINES + 2, CHUNK_LINES + 3]
        assert (len(sender.jobs), sender.unsure) == (CHUNK_LINES + 3, ())
        assert client.stats().pending == CHUNK_LINES + 3


def test_each_line_is_reported_once_in_its_place(client: JobClient) -> None:
    client.submit("another", job_id="j2")
    reported: list[Line | BrokenLine] = []
    broken = BrokenLine(4, "why", 3)
    send(Sender([*lines(3), broken], on_line=reported.append), client)

    assert [line.number for line in reported] == [4, 1, 2, 3], "what cannot be read is known before the chunk is sent"
    assert [type(line) for line in reported] == [BrokenLine, Line, BrokenLine, Line]


def test_the_same_terms_give_the_same_ids(client: JobClient) -> None:
    unnamed = [Line(number, new_item(f"p{number}"), 2) for number in (1, 2)]
    for _ in range(2):
        send(Sender(unnamed, Terms(key_prefix="night-")), client)

    assert client.stats().counters["submitted"] == 2
    assert client.submit("p2", idempotency_key="night-2") == client.jobs(JobState.WAITING).jobs[1].id
