"""Calls on a real queue, drawn at random, each beside the same call on the model; all of Redis is compared after each.

    python -m greenscale_testing.queue_machine --port 6379 --examples 100      ends with 1 at the first difference

A new call on the queue is a rule here and a method of `QueueModel`; what it leaves in Redis is compared by itself.
"""

import argparse
import asyncio
import itertools
import json
from collections.abc import Awaitable
from typing import ClassVar, TypeVar

import msgspec
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from greenscale_jobs import (
    Claim,
    DuplicateJob,
    Finished,
    Item,
    JobQueue,
    KeyReused,
    Limits,
    Outcome,
    QueueFull,
    RedisAddress,
    Sample,
    UnknownJob,
    Usage,
    new_item,
)
from greenscale_jobs.ids import keyed_id
from greenscale_testing.local_redis import Clock, RedisServer
from greenscale_testing.queue_model import QueueModel, given_id
from greenscale_testing.queue_state import observe

T = TypeVar("T")

LIMITS = Limits(lease_seconds=30, result_ttl_seconds=200, give_up_after_seconds=60, max_losses=2)
MANY = 100_000
RESTART_EVERY = 25
"""Examples between two kills of redis-server, where it is ours to kill."""

WORKERS = st.sampled_from(["w1", "w2"])
PICK = st.integers(0, 5)
OUR_IDS = st.sampled_from([None, None, "a", "b", "c"])
PUSHED = [
    b"plain text",
    b"",
    b"\xff\xfe",
    b'{"prompt": "no id"}',
    b'{"id": "a b", "prompt": "a bad id"}',
    b'{"id": "a", "prompt": "theirs"}',
    b'{"prompt": "theirs", "id": "b"}',
    b'{"id":"c"}',
]


class QueueMachine(RuleBasedStateMachine):
    """One queue and its model. `address` and `server` are set before it is run."""

    address: ClassVar[RedisAddress]
    server: ClassVar[RedisServer | None] = None
    """Killed and started again between some examples, if there is one: it must keep an append-only file."""
    steps: ClassVar[int] = 0
    examples: ClassVar[int] = 0
    restarts: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.loop = asyncio.new_event_loop()
        self.redis = redis.Redis(port=self.address.port, db=self.address.database)
        self.redis.flushdb()
        self.clock = Clock()
        self.clock.now = 1_800_000_000.0
        self.queue = self._connect()
        self.model = QueueModel(
            self.clock,
            lease=LIMITS.lease_seconds,
            max_losses=LIMITS.max_losses,
            give_up_after=LIMITS.give_up_after_seconds,
            ttl=LIMITS.result_ttl_seconds,
        )
        self.claims: list[Claim] = []
        self.texts = itertools.count()

    def teardown(self) -> None:
        try:
            if self.server and self.examples % RESTART_EVERY == 0:
                self._restart_redis(self.server)
        finally:
            self.do(self.queue.aclose())
            self.redis.close()
            self.loop.close()

    def do(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self.loop.run_until_complete(wait())

    @invariant()
    def redis_is_as_the_model_says(self) -> None:
        type(self).steps += 1
        expected, actual = self.model.snapshot(), observe(self.redis)
        wrong = {
            key: (actual.get(key), expected.get(key))
            for key in sorted(expected.keys() | actual.keys())
            if expected.get(key) != actual.get(key)
        }
        assert not wrong, f"(Redis, model) differ: {wrong}"

    # What a producer does.

    @initialize(max_length=st.sampled_from([4, MANY, MANY]))
    def some_work(self, max_length: int) -> None:
        self.configure(max_length, paused=False)
        self._submit([self._item(None) for _ in range(3)])

    @rule(ids=st.lists(OUR_IDS, min_size=1, max_size=4, unique_by=lambda job_id: job_id or object()))
    def submit(self, ids: list[str | None]) -> None:
        self._submit([self._item(job_id) for job_id in ids])

    def _submit(self, items: list[Item]) -> None:
        expected = self.model.submit([(item.id, msgspec.json.encode(item)) for item in items])
        try:
            self.do(self.queue.submit_many(items))
        except QueueFull:
            answer = "full"
        except DuplicateJob:
            answer = "duplicate"
        else:
            answer = "ok"
        assert answer == expected

    @rule(key=st.sampled_from([None, "key", "other key"]), again=st.booleans(), delay=st.sampled_from([0.0, 20.0]))
    def submit_one(self, key: str | None, delay: float, *, again: bool) -> None:
        """With a key `again` it is the same prompt, else one that the key does not stand for."""
        prompt = key if key and again else self._text()
        item = new_item(prompt, job_id=keyed_id(key) if key else f"job.{next(self.texts):03}")
        expected = self.model.submit([(item.id, msgspec.json.encode(item))], delay=delay, keyed=key is not None)
        try:
            answer = self.do(
                self.queue.submit(prompt, job_id=None if key else item.id, idempotency_key=key, delay_seconds=delay)
            )
        except QueueFull:
            answer = "full"
        except KeyReused:
            answer = "reused"
        assert answer == (item.id if expected == "ok" else expected)

    @rule(raw=st.sampled_from([*PUSHED, None]))
    def push_by_hand(self, raw: bytes | None) -> None:
        """None is once more what waits already."""
        if raw is None:
            raw = self.model.waiting[0] if self.model.waiting else b""
        self.redis.lpush("jobs", raw)
        self.model.waiting.insert(0, raw)

    @rule(pick=PICK, rather=st.sampled_from(["any", "running", "running", "stranded"]))
    def cancel(self, pick: int, rather: str) -> None:
        stranded = [job_id for raw in self.model.claiming if (job_id := given_id(raw))]
        some = {"any": [], "running": list(self.model.inflight), "stranded": stranded}[rather]
        job_id = some[pick % len(some)] if some else self._job(pick)
        expected = self.model.cancel(job_id)
        try:
            answer = str(self.do(self.queue.cancel(job_id)))
        except UnknownJob:
            answer = None
        assert answer == expected

    @rule(picks=st.lists(PICK, min_size=1, max_size=3, unique=True))
    def redrive(self, picks: list[int]) -> None:
        dead = [entry[0] for entry in self.model.dead]
        ids = list(dict.fromkeys([*dead[:1], *(self._job(pick) for pick in picks)]))
        assert self.do(self.queue.redrive(ids)) == self.model.redrive(ids)

    @precondition(lambda self: self.model.dead)
    @rule()
    def redrive_all(self) -> None:
        oldest_first = [entry[0] for entry in reversed(self.model.dead)]
        assert self.do(self.queue.redrive_all()) == len(self.model.redrive(oldest_first))

    # What a worker does.

    @rule(
        worker=WORKERS,
        count=st.integers(1, 4),
        wait=st.booleans(),
        in_hand=st.sampled_from([0, 0, 2]),
        suspect_first=st.booleans(),
    )
    def claim(self, worker: str, count: int, *, wait: bool, in_hand: int = 0, suspect_first: bool = True) -> None:
        if wait and self.model.waiting:  # where nothing does, it would really wait
            claims = self.do(
                self.queue.claim_when_there(worker, count, seconds=1, in_hand=in_hand, suspect_first=suspect_first)
            )
            self.model.strand()
        else:
            claims = self.do(self.queue.claim(worker, count, in_hand=in_hand, suspect_first=suspect_first))
        self._claimed(worker, count, claims, in_hand=in_hand, suspect_first=suspect_first)

    def _claimed(
        self, worker: str, count: int, claims: list[Claim] | None, *, in_hand: int, suspect_first: bool
    ) -> None:
        known = {key[4:] for key in observe(self.redis) if key.startswith("job ")}
        new = {job_id for job_id in known - self.model.jobs.keys() if "-" in job_id}
        new_ids = {int(job_id.rpartition("-")[2]): job_id for job_id in new}
        token = claims[0].token if claims else ""
        expected = self.model.claim(worker, count, token, new_ids, in_hand=in_hand, suspect_first=suspect_first)
        actual = None if claims is None else [(claim.id, claim.raw, claim.attempt, claim.alone) for claim in claims]
        assert expected == actual
        self.claims += claims or []

    @rule(worker=WORKERS, count=st.integers(1, 4), wait=st.booleans(), later=st.sampled_from([0.0, 1.0, 11.0]))
    def a_claim_whose_reply_is_lost_is_sent_again(self, worker: str, count: int, *, wait: bool, later: float) -> None:
        before = len(self.claims)
        self.claim(worker, count, wait=False)
        lost = self.claims[before:]
        if not lost:
            return
        token = self.queue._unanswered = lost[0].token  # noqa: SLF001
        self.time_goes_on(later)
        expected = self.model.claim_again(token)
        if not expected:
            return
        again = self.queue.claim_when_there("w1", 1, seconds=1) if wait else self.queue.claim("w1", 1)
        actual = [(claim.id, claim.raw, claim.attempt, claim.alone) for claim in self.do(again) or []]
        assert expected == actual
        assert self.queue._unanswered is None  # noqa: SLF001

    @precondition(lambda self: self.claims)
    @rule(picks=st.lists(PICK, min_size=1, max_size=3))
    def renew(self, picks: list[int]) -> None:
        self._renew([self._claim(pick) for pick in picks])

    def _renew(self, claims: list[Claim]) -> None:
        answers = self.do(self.queue.renew(claims))
        assert answers == [self.model.renew(claim.id, claim.token) for claim in claims]

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, batch=st.sampled_from(["", "one", "two"]))
    def emit(self, pick: int, batch: str) -> None:
        claim, text = self._claim(pick), self._text()
        self.do(self.queue.emit([(claim, text)], batch=batch))
        self.model.emit(claim.id, claim.token, claim.attempt, text, batch)

    @precondition(lambda self: self.claims)
    @rule(
        picks=st.lists(PICK, min_size=1, max_size=3, unique=True),
        unseen=st.sampled_from(["", "more"]),
        usage=st.sampled_from([None, Usage(3, 4)]),
    )
    def finish(self, picks: list[int], unseen: str, usage: Usage | None) -> None:
        results = [Finished(self._claim(pick), self._text(), Outcome("m", usage), unseen) for pick in picks]
        # All are looked up before any is stored: one that was said before is known beside a later claim of its job.
        known = [self.model.settled_by(it.claim.id, it.claim.token) is not None for it in results]
        answers = self.do(self.queue.finish(results))
        tokens = 7 if usage else 0
        stored = [self.model.finish(it.claim.id, it.claim.token, it.text, it.unseen, tokens) for it in results]
        assert answers == [now or before for now, before in zip(stored, known, strict=True)]

    @precondition(lambda self: self.claims)
    @rule(
        pick=PICK,
        how=st.sampled_from(["retry", "retry at once", "dead", "release", "postpone", "behind", "lost", "lost"]),
    )
    def give_up(self, pick: int, how: str) -> None:
        claim = self._claim(pick)
        delay = 20.0 if how in {"retry", "postpone", "behind"} else 0.0
        if how == "release":
            answer = self.do(self.queue.release(claim))
        elif how == "dead":
            answer = self.do(self.queue.bury(claim, "Reason", "a message"))
        elif how == "lost":
            answer = self.do(self.queue.lose(claim, "Reason", "a message"))
        elif how in {"postpone", "behind"}:
            answer = self.do(
                self.queue.postpone(claim, "Reason", "a message", delay_seconds=delay, behind=how == "behind")
            )
        else:
            answer = self.do(self.queue.retry(claim, "Reason", "a message", delay_seconds=delay))
        expected = self.model.give_up(claim.id, claim.token, how, delay=delay, reason="Reason", message="a message")
        assert answer == expected

    # What happens to them.

    @rule(seconds=st.sampled_from([0.5, 10.0, 10.0, 31.0, 250.0]))
    def time_goes_on(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def maintain(self) -> None:
        maintained = self.do(self.queue.maintain())
        assert (maintained.stranded, maintained.expired, maintained.due, maintained.dead) == self.model.maintain()
        ends = [*self.model.inflight.values(), *self.model.delayed.values()]
        assert maintained.next_in == (round(max(0.0, min(ends) - self.clock()), 3) if ends else None)

    @rule(worker=WORKERS, count=st.integers(1, 3))
    def a_worker_vanishes(self, worker: str, count: int) -> None:
        """The others go on renewing."""
        others = [claim for claim in self.claims if self.model.holds(claim.id, claim.token)]
        self.claim(worker, count, wait=False)
        self.time_goes_on(LIMITS.lease_seconds / 2)
        self._renew(others)
        self.time_goes_on(LIMITS.lease_seconds / 2)
        self.maintain()

    @precondition(lambda self: self.model.waiting)
    @rule()
    def a_worker_dies_between_move_and_claim(self) -> None:
        self.redis.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")
        self.model.strand()

    @rule(count=st.integers(1, 3), then=st.sampled_from(["they run alone", "two drain", "one is done", "one dies"]))
    def jobs_become_suspects(self, count: int, then: str) -> None:
        """Two workers are lost with some jobs in hand."""
        for _ in range(2):
            self.a_worker_vanishes("w1", count)
        match then:
            case "they run alone":
                for _ in range(count):
                    self.claim("w1", 2, wait=False)
            case "two drain":
                self.time_goes_on(31.0)
                for worker in ("w1", "w2", "w1"):
                    self.claim(worker, 1, wait=False, in_hand=1)
            case "one is done":
                self.claim("w1", 2, wait=False)
                if self.claims:
                    self.finish([0], "", None)
            case _:
                for _ in range(LIMITS.max_losses):
                    self.a_worker_vanishes("w1", 1)

    @rule(behind=st.booleans(), suspended=st.booleans())
    def the_engine_is_away(self, *, behind: bool, suspended: bool) -> None:
        """A job is tried until it is given up, which a suspended queue puts off."""
        for _ in range(4):
            self.claim("w1", 1, wait=False)
            if self.claims:
                self.give_up(0, "behind" if behind else "postpone")
            if suspended:
                self.configure(MANY, paused=True)
            self.time_goes_on(20.0)
            if suspended:
                self.configure(MANY, paused=False)
            self.maintain()

    @rule(where=st.sampled_from(["waiting", "delayed", "inflight"]), pick=PICK, picks=st.lists(PICK, max_size=3))
    def an_entry_vanishes(self, where: str, pick: int, picks: list[int]) -> None:
        """Somebody takes a job off the queue; the operator may see it."""
        if where == "waiting" and self.model.waiting:
            self.redis.rpop("jobs")
            self.model.waiting.pop()
        entries = {"delayed": self.model.delayed, "inflight": self.model.inflight}.get(where)
        if entries:
            job_id = list(entries)[pick % len(entries)]
            self.redis.zrem(f"jobs:{where}", job_id)
            del entries[job_id]
        ids = list(dict.fromkeys(self._job(other) for other in picks))
        assert self.do(self.queue.recover(ids)) == self.model.recover_if_none_waits(ids)

    @rule(retried=st.booleans())
    def a_keyed_job_vanishes(self, *, retried: bool) -> None:
        """Whoever sends it again or retries it puts it back."""
        item = msgspec.json.encode(new_item("lost key", job_id=keyed_id("lost key")))
        self.submit_one("lost key", 0.0, again=True)
        if item in self.model.waiting:
            self.redis.lrem("jobs", 1, item.decode())
            self.model.waiting.remove(item)
            if retried:
                ids = [keyed_id("lost key")]
                assert self.do(self.queue.redrive(ids)) == self.model.redrive(ids)
            else:
                self.submit_one("lost key", 0.0, again=True)

    @rule(
        what=st.sampled_from(
            ["the engine fails", "the operator looks", "results expire", "everybody restarts", "workers come and go"]
        )
    )
    def rarely(self, what: str) -> None:
        """One rule, so that the many calls of a worker are drawn more often."""
        if what == "the engine fails":
            for after in (30, 0):
                wait = self.do(self.queue.report_fault("no key", after_seconds=after))
                assert abs(wait - self.model.report_fault("no key", after=after)) < 0.01
        elif what == "the operator looks":
            self._sample()
        elif what == "results expire":  # Redis' own clock cannot be moved: do what it would have done
            for job_id in self.model.forget_expired():
                self.redis.delete(f"jobs:job:{job_id}", f"jobs:events:{job_id}")
        elif what == "workers come and go":
            self._count_workers()
        else:
            self.do(self.queue.aclose())
            self.queue = self._connect()
            self.redis.script_flush()

    def _count_workers(self) -> None:
        """One leaves, one comes, one stays away until its time is over."""
        for worker, leaves in (("w1", False), ("w2", False), ("w1", True), ("w3", False)):
            if leaves:
                self.do(self.queue.unregister(worker))
                self.model.unregister(worker)
            else:
                self.do(self.queue.register(worker, seconds=40))
                self.model.register(worker, 40)
        assert self.do(self.queue.stats()).workers == len(self.model.workers)
        assert 0 < self.redis.ttl("jobs:workers") <= 40
        self.time_goes_on(41)
        self.do(self.queue.register("w2", seconds=40))
        self.model.register("w2", 40)

    def _sample(self) -> None:
        """Say what is there, and that a start is over; no lengths of its own are changed by it."""
        stats = self.do(self.queue.stats())
        self.do(self.queue.sample(Sample.of(stats, replicas=2, at=self.clock())))
        self.do(self.queue.note_start(1.5))
        counters = self.model.counters
        lengths = {"pending": len(self.model.waiting) + len(self.model.claiming), "inFlight": len(self.model.inflight)}
        tokens = {"tokens": counters["tokens"]} if "tokens" in counters else {}
        self.model.history.append(
            {**lengths, "replicas": 2, "done": counters["done"], "dead": counters["dead"], **tokens}
        )
        self.model.starts.append({"seconds": 1.5})

    @rule(max_length=st.sampled_from([4, MANY, MANY]), paused=st.sampled_from([False, False, False, True]))
    def configure(self, max_length: int, *, paused: bool) -> None:
        self.do(self.queue.configure(max_length=max_length, result_ttl_seconds=100, paused=paused))
        self.model.configure(max_length, 100, paused=paused)

    def _restart_redis(self, server: RedisServer) -> None:
        server.await_written()
        server.stop(kill=True)
        server.start()
        type(self).restarts += 1
        self.redis_is_as_the_model_says()

    def _connect(self) -> JobQueue:
        return JobQueue(self.address, limits=LIMITS, clock=self.clock)

    def _item(self, job_id: str | None) -> Item:
        """Return one with an id that is no matter of chance, as the order of ids would be."""
        number = next(self.texts)
        return new_item(f"text {number}", job_id=job_id or f"job.{number:03}")

    def _text(self) -> str:
        return f"text {next(self.texts)}"

    def _claim(self, pick: int) -> Claim:
        """Return one that holds, if there is one; with 4 and 5 one that was lost or is over."""
        held = [claim for claim in self.claims if self.model.holds(claim.id, claim.token)]
        over = [claim for claim in self.claims if claim not in held]
        over.sort(key=lambda claim: claim.id in self.model.inflight)
        some = list(reversed((over or held) if pick >= 4 else (held or over)))
        return some[pick % len(some)]

    def _job(self, pick: int) -> str:
        ids = [*reversed(self.model.jobs), "nobody"]
        return ids[min(pick, len(ids) - 1)]


def machine_for(address: RedisAddress, server: RedisServer | None = None) -> type[QueueMachine]:
    """Return a machine with counts of its own."""
    return type("Machine", (QueueMachine,), {"address": address, "server": server})


def run_machine(machine: type[QueueMachine], *, examples: int, search: bool = False, shrink: bool = True) -> None:
    """Run so many sequences of 50 calls. Without `search` the same calls are drawn each time.

    Raises:
        AssertionError: Redis and the model differ.
    """
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            derandomize=not search,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            report_multiple_bugs=False,
        ),
    )


def main() -> None:
    """Say in one line of JSON after how many steps which difference was found; null is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--examples", type=int, default=100)
    options = parser.parse_args()
    machine, found = machine_for(RedisAddress("127.0.0.1", options.port)), None
    try:
        run_machine(machine, examples=options.examples, shrink=False)
    except Exception as error:  # noqa: BLE001 - a broken queue may fail in any way
        found = f"{type(error).__name__}: {error}"
    print(json.dumps({"steps": machine.steps, "found": found}))  # noqa: T201


if __name__ == "__main__":
    main()
