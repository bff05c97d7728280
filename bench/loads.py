"""Rows 1 to 6: who works off which jobs, and the figures that come of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.load import BULLMQ, FLOORS, OTHERS, OURS, SURVIVING, Load, Peer, measure
from bench.measured import YARDSTICK, Measured
from bench.servers import empty, redis_version

BATCHED, LEASED, ONE = FLOORS
DRAMATIQ = SURVIVING[0]
SAQ = OTHERS[0]


@dataclass(frozen=True)
class Contest:
    """Jobs of one kind, and who works them off: first those that a target names, then the others."""

    name: str
    kind: str
    concurrency: int
    named: Sequence[Peer]
    others: Sequence[Peer] = ()
    rows: frozenset[str] = frozenset()
    """The rows of the table that GreenScale's own run fills."""
    beside: frozenset[str] = frozenset()
    """The rows whose yardstick, or whose place in the long table, another's run fills."""


CONTESTS = [
    Contest(
        "no-ops",
        "noop",
        100,
        [OURS, BATCHED, BULLMQ, *SURVIVING],
        [LEASED, ONE, *OTHERS],
        rows=frozenset({"1", "2"}),
        beside=frozenset({"6"}),
    ),
    Contest("no-ops, no streaming", "thin", 100, [OURS], rows=frozenset({"6"})),
    Contest("no-ops, 8 at once", "noop", 8, [], [OURS], beside=frozenset({"1"})),
    Contest("HTTP", "http", 100, [OURS, BATCHED], [LEASED, *SURVIVING, *OTHERS], rows=frozenset({"3"})),
    Contest("OpenAI", "openai", 100, [OURS, *SURVIVING], OTHERS, rows=frozenset({"4"})),
    Contest("HTTP, 200 at once", "http", 200, [OURS, SAQ], rows=frozenset({"5"})),
]


def contest(one: Contest, *, port: int, engine_url: str, folder: Path, everyone: bool, share: float) -> Iterator[Load]:
    """Let one after the other work off its jobs, or a share of them."""
    version = tuple(int(part) for part in redis_version(port).split("."))
    for peer in [*one.named, *(one.others if everyone else ())]:
        if one.kind in peer.jobs and version >= peer.needs_redis:
            fewer = {kind: max(100, int(count * share)) for kind, count in peer.jobs.items()}
            empty(port)
            load = measure(
                replace(peer, jobs=fewer),
                one.kind,
                port=port,
                engine_url=engine_url,
                concurrency=one.concurrency,
                folder=folder,
            )
            yield replace(load, contest=one.name)


def figures(loads: Sequence[Load]) -> Iterator[Measured]:
    """Return what one round's loads say of the targets."""
    of = {(load.contest, load.subject): load for load in loads}

    def fastest(name: str) -> Load | None:
        found = [of[name, peer.name] for peer in SURVIVING if (name, peer.name) in of]
        return max(found, key=lambda load: load.jobs_per_second, default=None)

    noop, batched, http = (
        of.get((name, who.name)) for name, who in [("no-ops", OURS), ("no-ops", BATCHED), ("HTTP", OURS)]
    )
    thin, plain = of.get(("no-ops, no streaming", OURS.name)), of.get(("HTTP", BATCHED.name))
    many, saq = of.get(("HTTP, 200 at once", OURS.name)), of.get(("HTTP, 200 at once", SAQ.name))
    rows = [
        ("1 no-op jobs/s", "jobs_per_second", "/s", noop, fastest("no-ops")),
        ("2 CPU per no-op job", "cpu_us_per_job", "us", noop, batched),
        ("3 HTTP jobs/s", "jobs_per_second", "/s", http, plain),
        ("3 CPU per HTTP job", "cpu_us_per_job", "us", http, plain),
        ("4 OpenAI jobs/s", "jobs_per_second", "/s", of.get(("OpenAI", OURS.name)), fastest("OpenAI")),
        ("5 HTTP jobs/s, 200 at once", "jobs_per_second", "/s", many, saq),
        ("6 Redis commands per job", "redis_commands_per_job", "", thin, None),
        ("6 Redis CPU per job", "redis_cpu_us_per_job", "us", thin, of.get(("no-ops", DRAMATIQ.name))),
    ]
    if bullmq := of.get(("no-ops", BULLMQ.name)):
        rows.insert(1, ("1 no-op jobs/s, BullMQ", "jobs_per_second", "/s", noop, bullmq))
    for row, field, unit, ours, yardstick in rows:
        if ours:
            yield Measured(row, OURS.name, getattr(ours, field), unit)
        if ours and yardstick:
            yield Measured(row, YARDSTICK, getattr(yardstick, field), unit)
    faults = sum(load.lost + load.errors for load in loads if load.subject == OURS.name)
    if any(load.subject == OURS.name for load in loads):
        yield Measured("1-6 jobs lost, errors", OURS.name, faults, "")
