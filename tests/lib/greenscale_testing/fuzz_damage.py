"""Damage to a queue's keys: every field of a job's record, every key, by any hand that can reach Redis."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import redis

from greenscale_jobs import Keys
from greenscale_jobs.keys import RESOURCES, WORKLOADS

FIELDS = [
    *(
        "state",
        "item",
        "attempts",
        "token",
        "worker",
        "cancel",
        "settledBy",
        "shown",
        "dead",
        "errors",
        "outcome",
        "result",
    ),
    *("submittedAt", "claimedAt", "dueAt", "finishedAt", "unknown"),
    *("losses", "lostAlone", "alone", "suspectSince", "drainedBy", "drainedUntil", "behind"),
    *("unchargedTries", "unchargedFirstAt", "unchargedLastAt", "unchargedSuspended"),
    *("unchargedReason", "unchargedMessage"),
]
"""Of a job's record."""

VALUES = [
    *(b"", b"\xff\xfe", b"\0", b"\n", b"nan", b"inf", b"-inf", b"-1", b"1e300", b"0x10", b"1.5", b"9" * 30),
    *(b"{", b"[]", b"null", b'{"id":', b'{"reason":"R"}', b'{"reason":7,"message":[]}', b"[" * 5000, b"x" * 100_000),
    *(b"waiting", b"running", b"delayed", b"dead", b"done", b"cancelled", b"1"),
]
"""What may stand in any field."""

FOREIGN: dict[str, Callable[[redis.Redis, str], object]] = {
    "string": lambda raw, key: raw.set(key, "of another program"),
    "list": lambda raw, key: raw.lpush(key, "of another program"),
    "set": lambda raw, key: raw.sadd(key, "of another program"),
    "zset": lambda raw, key: raw.zadd(key, {"of another program": 1}),
    "hash": lambda raw, key: raw.hset(key, "of another program", "1"),
    "stream": lambda raw, key: raw.xadd(key, {"of another program": "1"}),
}
"""How a key of each type comes to be."""

ENTRIES = [
    b"",
    b"\xff",
    b"no entry of ours",
    b"a b",
    b'{"id":"',
    b'{"id":"nobody"}',
    b'{"id":"bad id"}',
    b"null",
    b"x" * 100_000,
]
"""What may stand in a list, or be a member of a sorted set."""

SAMPLE = {"pending": 1, "inFlight": 1, "replicas": 1, "done": 1, "dead": 1, "tokens": 1, "seconds": 1}
"""The fields of what the streams of the queue's past hold."""

COUNTERS: list[str | bytes] = [
    *(
        "submitted",
        "done",
        "dead",
        "expired",
        "retried",
        "postponed",
        "lost",
        "cancelled",
        "tokens",
        "fault",
        "faultAt",
        "faultUntil",
        "troubleSince",
        "troubleAt",
        b"\xff",
    ),
]

LAST = "18446744073709551615-18446744073709551615"
"""The id of a stream's last entry: none can follow."""

SCORES = [float("-inf"), -1.0, 0.0, 1e300, float("inf")]


@dataclasses.dataclass(frozen=True)
class Damage:
    """What is done to the keys, and how a person mends it; a job that is damaged itself need not be mended."""

    id: str
    do: Callable[[redis.Redis], object]
    mend: Callable[[redis.Redis], object] = lambda _: None


def _set(id_: str, key: str, field: str | bytes, value: bytes, mend: Callable[[redis.Redis], object]) -> Damage:
    fields: Mapping[Any, Any] = {field: value}
    return Damage(id_, lambda raw: raw.hset(key, mapping=fields), mend)


def _push(id_: str, key: str, entry: str | bytes) -> Damage:
    return Damage(id_, lambda raw: raw.rpush(key, entry))


def _add(id_: str, key: str, member: str | bytes, score: float) -> Damage:
    members: dict[Any, float] = {member: score}
    return Damage(id_, lambda raw: raw.zadd(key, members))


def _append(id_: str, key: str, fields: Mapping[Any, Any]) -> Damage:
    return Damage(id_, lambda raw: raw.xadd(key, dict(fields)))


def _replace(key: str, kind: str) -> Damage:
    def do(raw: redis.Redis) -> None:
        raw.delete(key)
        FOREIGN[kind](raw, key)

    return Damage(f"{key} is a {kind}", do)


def _nothing(_: redis.Redis) -> None:
    """Mend nothing: only one job is damaged."""


def damages_of_job(job_id: str) -> Iterator[Damage]:
    """Yield all that may befall one job."""
    keys = Keys()
    record, events = keys.job(job_id), keys.events(job_id)
    for field in FIELDS:
        yield Damage(f"{field} is gone", partial(_drop, key=record, fields=(field,)))
        for value in VALUES:
            yield _set(f"{field} is {value[:20]!r}", record, field, value, _nothing)
    yield Damage("no record", lambda raw: raw.delete(record))
    yield Damage("no events", lambda raw: raw.delete(events))
    yield Damage("state and item are gone", partial(_drop, key=record, fields=("state", "item")))
    yield from foreign_keys_of_job(job_id)
    yield _append("events of another hand", events, {b"\xff": b"\xff", "attempt": "many"})
    yield Damage("events that can be no more", lambda raw: raw.xadd(events, {"type": b"\xff"}, id=LAST))
    for part in (keys.inflight, keys.delayed, keys.done):
        for score in SCORES:
            yield _add(f"also in {part} at {score}", part, job_id, score)
    for part in (keys.list_name, keys.claiming, keys.dead):
        yield _push(f"also in {part}", part, f'{{"id":"{job_id}"}}')


def foreign_keys_of_job(job_id: str) -> Iterator[Damage]:
    """Yield a key of each other type in the place of those that a job has."""
    for key, ours in Keys().types_of_job(job_id).items():
        for kind in FOREIGN:
            if kind != ours:
                yield _replace(key, kind)


def _drop(raw: redis.Redis, *, key: str, fields: tuple[str, ...]) -> None:
    raw.hdel(key, *fields)


def foreign_keys() -> Iterator[Damage]:
    """Yield a key of each other type in the place of each that the jobs share."""
    for key, ours in {**Keys().types, WORKLOADS: "hash", RESOURCES: "hash"}.items():
        for kind in FOREIGN:
            if kind != ours:
                yield _in_the_place_of(key, kind)


def damages_of_queue() -> Iterator[Damage]:
    """Yield what else may befall what the jobs share, but for plain loss."""
    keys = Keys()
    for key, ours in keys.types.items():
        yield from _odd_entries(key, ours)
    for value in VALUES:
        yield from _odd_numbers(keys, value)


def _odd_entries(key: str, kind: str) -> Iterator[Damage]:
    match kind:
        case "list":
            for entry in ENTRIES:
                yield _push(f"{entry[:20]!r} in {key}", key, entry)
        case "zset":
            for entry in ENTRIES:
                for score in SCORES:
                    yield _add(f"{entry[:20]!r} in {key} at {score}", key, entry, score)
        case "stream":
            yield _append(f"an entry of another hand in {key}", key, {b"\xff": b"\xff"})
            for field in SAMPLE:
                for value in VALUES:
                    yield _append(f"{field} is {value[:20]!r} in {key}", key, {**SAMPLE, field: value})


def _odd_numbers(keys: Keys, value: bytes) -> Iterator[Damage]:
    for field in ("maxLength", "resultTTLSeconds", "paused", "suspendedAt", "suspendedSeconds", "unknown"):
        yield _set(f"{field} is {value[:20]!r}", keys.config, field, value, lambda raw: raw.delete(keys.config))
    for name in COUNTERS:
        yield _set(f"{name!r} is {value[:20]!r}", keys.stats, name, value, _nothing)
    for key in (WORKLOADS, RESOURCES):
        yield _set(f"{key} has {value[:20]!r}", key, "ns/n", value, _nothing)
        yield _set(f"{key} is of {value[:20]!r}", key, value, value, _nothing)


def _in_the_place_of(key: str, kind: str) -> Damage:
    aside = f"{key} aside"

    def do(raw: redis.Redis) -> None:
        if raw.exists(key):
            raw.rename(key, aside)
        FOREIGN[kind](raw, key)

    def mend(raw: redis.Redis) -> None:
        raw.delete(key)
        if raw.exists(aside):
            raw.rename(aside, key)

    return Damage(f"{key} is a {kind}", do, mend)
