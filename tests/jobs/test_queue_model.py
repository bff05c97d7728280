"""The queue beside a model of its rules, and the proof that the model sees broken ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenscale_jobs import RedisAddress
from greenscale_testing import queue_machine
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.mutants import TESTING, Mutant

SEARCH = os.environ.get("GREENSCALE_TEST_EXAMPLES")
"""How many sequences to draw at random. Without it the same 260 each time: a change is never refused by chance."""


@pytest.mark.timeout(3600 if SEARCH else 180)
def test_redis_holds_what_the_model_says_after_every_step(
    own_redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    own_redis.options = ("--appendonly", "yes")
    own_redis.start()
    machine = queue_machine.machine_for(own_redis.address, own_redis)
    queue_machine.run_machine(machine, examples=int(SEARCH or 260), search=SEARCH is not None)
    with capsys.disabled():
        print(f"\nthe model was right after each of {machine.steps} steps, {machine.restarts} kills of Redis")  # noqa: T201

    assert SEARCH or machine.steps >= 10_000
    assert SEARCH or machine.restarts > 0


MUTANTS = [
    Mutant(
        "finish without the fence",
        "lua/finish.lua",
        "local held = job[1] == ARGV[i + 1]",
        "local held = job[2]",
    ),
    Mutant("finish keeps the claim", "lua/finish.lua", "of_many('ZREM', inflight, finished)"),
    Mutant(
        "finish in two calls",
        "worker_side.py",
        "args: list[Argument] = [self.limits.result_ttl_seconds]",
        "for result in results:\n"
        "            await self._redis.hset(self.keys.job(result.claim.id), 'result', result.text)\n"
        "        args: list[Argument] = [self.limits.result_ttl_seconds]",
    ),
    Mutant(
        "a lost claim's tokens count",
        "lua/finish.lua",
        "    else\n",
        "    else\n tokens = tokens + (tonumber(ARGV[i + 5]) or 0)\n",
    ),
    Mutant("renew without the fence", "lua/renew.lua", "if job[1] ~= ARGV[i + 1] then", "if not job[1] then"),
    Mutant("emit without the fence", "lua/emit.lua", "== ARGV[i + 1]", "~= ''"),
    Mutant("claim without a lease", "lua/claim.lua", "of_many('ZADD', inflight, leases)"),
    Mutant("the newest first", "lua/shared/waiting.lua", "redis.pcall('RPOP', list,", "redis.pcall('LPOP', list,"),
    Mutant("a pause is not heard", "lua/claim.lua", "'paused') == '1'", "'paused') == 'yes'"),
    Mutant("an ended attempt stays in flight", "lua/shared/burying.lua", "redis.call('ZREM', inflight, id)"),
    Mutant("stranded claims in the wrong order", "lua/shared/waiting.lua", "'LPOP', claiming", "'RPOP', claiming"),
    Mutant("results never expire", "lua/shared/common.lua", "redis.call('EXPIRE', job_key(id), ttl)"),
    Mutant("tend takes leases that hold", "lua/maintain.lua", "inflight, now, '-inf'", "inflight, '+inf', '-inf'"),
    Mutant(
        "handing back costs an attempt",
        "lua/give_up.lua",
        "wait_again(id, math.max(0, attempts - 1))",
        "wait_again(id, attempts)",
    ),
    Mutant(
        "an outage costs an attempt", "lua/give_up.lua", "postpone(math.max(0, attempts - 1))", "postpone(attempts)"
    ),
    Mutant("a job is never given up", "lua/give_up.lua", ">= limit then", ">= limit + 1e9 then"),
    Mutant("suspended time counts", "lua/give_up.lua", "now - first - (suspended - before) >=", "now - first >="),
    Mutant("a doubtful job comes first", "lua/maintain.lua", "if attempts and not job[3] then", "if attempts then"),
    Mutant(
        "a loss costs an attempt",
        "lua/shared/moving.lua",
        "wait_again(id, math.max(0, attempts - 1))",
        "wait_again(id, attempts)",
    ),
    Mutant(
        "a job dies of losses in company", "lua/shared/moving.lua", "if job[3] and alone >= most", "if losses > most"
    ),
    Mutant("a suspect never dies", "lua/shared/moving.lua", "alone >= most then", "alone > 1e9 then"),
    Mutant("a suspect has company", "lua/claim.lua", "if known[4] and not reason then", "if false then"),
    Mutant("suspects bar the others", "lua/claim.lua", "#suspects > 0 and #suspects < MAX_SUSPECTS", "false"),
    Mutant(
        "suspects change places",
        "lua/shared/waiting.lua",
        "for number = #entries, from, -1 do\n        local pushed",
        "for number = from, #entries do\n        local pushed",
    ),
    Mutant("a claim sent again forgets what it leased", "lua/claim.lua", "if known[1] == token then", "if false then"),
    Mutant("a claim sent again takes others' jobs", "lua/claim.lua", "if known[1] == token then", "if known[1] then"),
    Mutant("a claim sent again keeps the old lease", "lua/claim.lua", "begin_leases()\n    if #claims", "if #claims"),
    Mutant("a claim sent again forgets a suspect", "lua/claim.lua", "if known[4] then claims[1] = 'alone' end"),
    Mutant("all drain for a suspect", "lua/claim.lua", "known[5] ~= worker", "false"),
    Mutant("done its losses stay", "lua/finish.lua", "job[4] or job[5] or job[6]", "job[4]"),
    Mutant("done its cancellation stays", "lua/finish.lua", "job[4] or job[5] or job[6]", "job[5] or job[6]"),
    Mutant("done it stays a suspect", "lua/finish.lua", "'suspectSince', ", ""),
    Mutant("sent again it stays a suspect", "lua/shared/moving.lua", "'losses', 'lostAlone', 'suspectSince', ", ""),
    Mutant(
        "equals come by chance", "lua/shared/waiting.lua", "last and math.max(due, tonumber(last) + 1e-6) or due", "due"
    ),
    Mutant("retry leaves a stray", "lua/redrive.lua", "elseif recover(ARGV[i]) then", "elseif false then"),
    Mutant(
        "the same key leaves a stray",
        "lua/submit_again.lua",
        "ipairs(known) do recover(id) end",
        "ipairs(known) do end",
    ),
    Mutant("strays are found while others wait", "lua/recover.lua", "if ARGV[2] == '1' and", "if false and"),
    Mutant("a cancelled job is retried", "lua/give_up.lua", "if job[3] then", "if false then"),
    Mutant(
        "cancel forgets those in claiming",
        "lua/shared/waiting.lua",
        "stop_delay(id)\n    for _, key in ipairs({ list, claiming }) do",
        "stop_delay(id)\n    for _, key in ipairs({ list }) do",
    ),
    Mutant("redrive leaves it among the dead", "lua/redrive.lua", "redis.call('LREM', dead, 1, entry)"),
    Mutant("the limit is a job too late", "lua/shared/submitting.lua", "> longest then", "> longest + 1 then"),
    Mutant("an id is used twice", "lua/shared/submitting.lua", ")) == 1 then", ")) == 2 then"),
    Mutant("a sample takes the dead for done", "samples.py", 'counters.get("done", 0)', 'counters.get("dead", 0)'),
    Mutant("only the last start is known", "maintenance.py", '"MAXLEN", STARTS_KEPT,', '"MAXLEN", 1,'),
    Mutant("a worker that ends still counts", "lua/register.lua", "redis.call('ZREM', workers, name)"),
    Mutant("a dead worker counts for ever", "lua/register.lua", "redis.call('EXPIRE', workers, math.ceil(seconds))"),
    Mutant("dead workers are not pruned", "lua/register.lua", "redis.call('ZREMRANGEBYSCORE', workers, '-inf', now)"),
    Mutant("renewing prolongs nothing", "lua/renew.lua", "stamp(now + tonumber(ARGV[2]))", "stamp(now)"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_the_model_sees_a_broken_queue(
    address: RedisAddress, tmp_path: Path, mutant: Mutant, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who never saw the alarm ring does not know whether it can."""
    package = mutant.planted(tmp_path)
    result = subprocess.run(
        [sys.executable, "-m", "greenscale_testing.queue_machine", "--port", str(address.port), "--examples", "260"],
        env={**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{TESTING}"},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(result.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{mutant.id}: seen within {report['steps']} steps", end="")  # noqa: T201

    assert report["found"] is not None
    assert report["found"].startswith(("AssertionError", "KeyError")), report["found"]
