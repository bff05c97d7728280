"""Each key once at a time, none forgotten, failures apart from each other."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from greenscale_operator.errors import Unavailable
from greenscale_operator.keyed_queue import SLOTS, KeyedQueue, Priority


class Work:
    """Records its turns; each waits for `go` if that is not set."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.at_once = self.max_at_once = 0
        self.go = asyncio.Event()
        self.go.set()
        self.began = asyncio.Condition()
        self.answers: dict[str, list[float | Exception | None]] = {}

    async def __call__(self, key: str) -> float | None:
        self.at_once += 1
        self.max_at_once = max(self.max_at_once, self.at_once)
        async with self.began:
            self.turns.append(key)
            self.began.notify_all()
        await self.go.wait()
        self.at_once -= 1
        answer = self.answers.get(key, [None]).pop(0) if self.answers.get(key) else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until(self, done: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(5), self.began:
            await self.began.wait_for(lambda: done(self.turns))


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def queue(work: Work) -> AsyncIterator[KeyedQueue[str]]:
    queue = KeyedQueue(work, slots={**SLOTS, Priority.NORMAL: 2, Priority.BACKGROUND: 1})
    yield queue
    await queue.aclose()


async def test_a_key_that_is_asked_for_often_has_one_turn(queue: KeyedQueue[str], work: Work) -> None:
    for _ in range(5):
        queue.add("a")
    queue.add("b")
    await work.until(lambda turns: "b" in turns)

    assert work.turns == ["a", "b"]


async def test_what_changes_during_a_turn_gets_another(queue: KeyedQueue[str], work: Work) -> None:
    work.go.clear()
    queue.add("a")
    await work.until(lambda turns: turns == ["a"])
    queue.add("a")
    queue.add("a")
    work.go.set()
    await work.until(lambda turns: len(turns) == 2)

    assert work.max_at_once == 1


async def test_only_so_many_keys_at_once(queue: KeyedQueue[str], work: Work) -> None:
    work.go.clear()
    for key in "abcd":
        queue.add(key)
    await work.until(lambda turns: len(turns) == 2)
    work.go.set()
    await work.until(lambda turns: len(turns) == 4)

    assert work.max_at_once == 2


async def test_work_says_when_it_wants_to_be_called_again(queue: KeyedQueue[str], work: Work) -> None:
    work.answers["a"] = [0.01]
    queue.add("a")
    await work.until(lambda turns: len(turns) == 2)


async def test_the_sooner_of_two_times_counts(queue: KeyedQueue[str], work: Work) -> None:
    queue.add_in("a", 60)
    queue.add_in("a", 0.01)
    queue.add_in("a", 60)
    await work.until(lambda turns: turns == ["a"])


@pytest.mark.parametrize("error", [Unavailable("busy"), ValueError("a bug")], ids=["passing", "a bug"])
async def test_a_failure_is_tried_again_and_disturbs_no_other(
    queue: KeyedQueue[str], work: Work, error: Exception
) -> None:
    work.answers["a"] = [error, error]
    queue.add("a")
    queue.add("b")
    await work.until(lambda turns: turns.count("a") == 3)

    assert work.turns.count("b") == 1


async def test_what_is_forgotten_is_not_called_again(queue: KeyedQueue[str], work: Work) -> None:
    queue.add_in("a", 0.01)
    queue.forget("a")
    queue.add_in("b", 0.02)
    await work.until(lambda turns: "b" in turns)

    assert work.turns == ["b"]


async def test_what_somebody_waits_for_does_not_queue_behind_the_rest(work: Work, queue: KeyedQueue[str]) -> None:
    """At a restart a thousand workloads are looked at again, and a new one is not their like."""
    work.go.clear()
    for number in range(10):
        queue.add(f"old-{number}")
    queue.add("new", Priority.URGENT)
    await work.until(lambda turns: "new" in turns)
    queue.add("new", Priority.URGENT)
    work.go.set()
    await work.until(lambda turns: turns.count("new") == 2)

    assert work.turns.index("new") == 2
    assert len(work.turns) < 11


async def test_what_changes_does_not_queue_behind_the_background(work: Work, queue: KeyedQueue[str]) -> None:
    """Nor do those of them that waited in the background already."""
    work.go.clear()
    for name in ("first", "second", "third", "fourth"):
        queue.add(name, Priority.BACKGROUND)
    queue.add("fourth")
    queue.add("third", Priority.URGENT)
    queue.add("third", Priority.BACKGROUND)
    await work.until(lambda turns: len(turns) == 3)
    work.go.set()
    await work.until(lambda turns: "second" in turns)

    assert work.turns == ["first", "fourth", "third", "second"]
