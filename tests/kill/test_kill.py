"""Design: a process killed between any two instructions loses no job. Here each is killed at every point there is."""

import asyncio
import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from greenscale_jobs import RedisAddress
from greenscale_jobs.scripts import script_text
from greenscale_testing.kill_proxy import Kill, script_names
from greenscale_testing.kills import LONG, Outcome, Scenario, live, scenarios
from greenscale_testing.mutants import Mutant
from greenscale_testing.openai_server import serving

AT_ONCE = 8
"""Lives at the same time, each in a database of its own: most of it is waiting for a lease to end."""

TIMES = os.environ.get("GREENSCALE_TEST_KILLS")
"""At how many of each point's turns to kill, in each scenario. Without it: once, in the first that has the point."""

IN_EACH = {"finish"}
"""Points that are part of every scenario's kills: what the engine was asked, and paid for, is at stake."""

TABLE = Path(__file__).parents[2] / "artifacts" / "kills.txt"


@dataclasses.dataclass(frozen=True)
class Case:
    scenario: Scenario
    kill: Kill | None = None


@pytest.mark.timeout(3600 if TIMES else 600)
async def test_a_process_killed_at_any_point_loses_nothing(
    address: RedisAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with redis.Redis(port=address.port) as plain:
        for name in script_names().values():
            plain.script_load(script_text(name))
    async with serving() as (_, url):
        whole = [Case(scenario) for scenario in scenarios(url)]
        unharmed = await _live_all(whole, address, tmp_path)
        cases = _kills([(case.scenario, outcome.passed) for case, outcome in zip(whole, unharmed, strict=True)])
        outcomes = await _live_all(cases, address, tmp_path)
    table = _table(cases, outcomes)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table)
    with capsys.disabled():
        print(f"\n{table}")  # noqa: T201

    lives = list(zip(cases, outcomes, strict=True))
    assert [(case, outcome.wrong) for case, outcome in lives if outcome.wrong or outcome.lost] == []
    assert [case for case, outcome in lives if outcome.started_twice] == []
    hit = {(case.kill.point, case.kill.side) for case, outcome in lives if case.kill and outcome.killed}
    points = {point for outcome in unharmed for point in outcome.passed}
    assert {(point, side) for point in points for side in ("before", "after")} - hit == set()
    assert {point.split()[0] for point in points if point[0].islower()} == set(script_names().values())


DROP_FIRST = """for result in results:
            await self._redis.zrem(self.keys.inflight, result.claim.id)
        args: list[Argument] = [self.limits.result_ttl_seconds]"""

BROKEN = [
    (
        Mutant("claim without a lease", "lua/claim.lua", "of_many('ZADD', inflight, leases)"),
        Kill("claim", "after"),
    ),
    (
        Mutant(
            "the claim is dropped before the result is stored",
            "worker_side.py",
            "args: list[Argument] = [self.limits.result_ttl_seconds]",
            DROP_FIRST,
        ),
        Kill("finish", "before"),
    ),
    (
        Mutant("renewing prolongs nothing", "lua/renew.lua", "stamp(now + tonumber(ARGV[2]))", "stamp(now)"),
        Kill("claim", "after", 2),
    ),
]


async def test_a_kill_shows_a_broken_queue(address: RedisAddress, tmp_path: Path) -> None:
    """Who never saw the alarm ring does not know whether it can."""
    cases = [
        Case(
            Scenario(mutant.id, prompts=(LONG * 4,), package=mutant.planted(tmp_path / str(n)), patience_seconds=8),
            kill,
        )
        for n, (mutant, kill) in enumerate(BROKEN)
    ]
    outcomes = await _live_all(cases, address, tmp_path)

    for case, outcome in zip(cases, outcomes, strict=True):
        assert outcome.killed, case.scenario.name
        assert outcome.lost + outcome.started_twice > 0, case.scenario.name


def _kills(passes: Sequence[tuple[Scenario, Counter[str]]]) -> list[Case]:
    """Return what to do to hit every point that was seen, before and after."""
    cases, known = [], set[str]()
    for scenario, passed in passes:
        for point, times in passed.items():
            if TIMES is None and point in known - IN_EACH:
                continue
            known.add(point)
            cases += [
                Case(scenario, Kill(point, side, number))
                for side in ("before", "after")
                for number in range(1, min(times, int(TIMES or 1)) + 1)
            ]
    return cases


async def _live_all(cases: Sequence[Case], address: RedisAddress, folder: Path) -> list[Outcome]:
    databases: asyncio.Queue[int] = asyncio.Queue()
    for number in range(1, AT_ONCE + 1):  # not 0, which is never selected: that would be a point less
        databases.put_nowait(number)

    async def one(case: Case) -> Outcome:
        database = await databases.get()
        own = replace(address, database=database)
        try:
            outcome = await live(case.scenario, own, folder, case.kill)
            if case.kill and case.kill.number == 1 and not outcome.killed:  # another was there first: that is chance
                outcome = await live(case.scenario, own, folder, case.kill)
            return outcome
        finally:
            databases.put_nowait(database)

    return await asyncio.gather(*(one(case) for case in cases))


def _table(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> str:
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for case, outcome in zip(cases, outcomes, strict=True):
        if case.kill:
            rows[case.kill.point, case.kill.side].append(outcome)
    lines = [f"{'killed at':28}{'':8}{'hit':>5}{'of':>5}{'jobs':>6}{'lost':>6}{'twice':>7}"]
    for (point, side), found in sorted(rows.items()):
        hit = sum(outcome.killed for outcome in found)
        jobs, lost = sum(outcome.jobs for outcome in found), sum(outcome.lost for outcome in found)
        twice = sum(outcome.started_twice for outcome in found)
        lines.append(f"{point:28}{side:8}{hit:>5}{len(found):>5}{jobs:>6}{lost:>6}{twice:>7}")
    lines.append(f"{'all':36}{sum(outcome.killed for outcome in outcomes):>5}{len(outcomes):>5}")
    lines.append("twice: jobs started again while the first worker was alive")
    return "\n".join(lines) + "\n"
