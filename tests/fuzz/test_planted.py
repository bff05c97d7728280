"""Bugs are planted into a copy of the queue, and the fuzzers see them: who never heard the alarm trusts in vain."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from greenscale_testing.mutants import Mutant

HERE = Path(__file__).parent

DAMAGE, ITEMS = "test_damage.py", "test_items.py"

PLANTED = [
    (Mutant("what can never run vanishes", "lua/shared/burying.lua", "redis.call('LPUSH', dead, entry)"), ITEMS),
    (Mutant("an id that is taken runs again", "lua/claim.lua", " and not is_elsewhere(known[1])"), ITEMS),
    (
        Mutant("a damaged record ends the claim", "lua/shared/common.lua", "redis.pcall('HMGET'", "redis.call('HMGET'"),
        DAMAGE,
    ),
    (
        Mutant(
            "what was taken is not put back",
            "lua/shared/waiting.lua",
            "from, -1 do redis.call('RPUSH', claiming, entries[number]) end",
            "from, -1 do end",
        ),
        DAMAGE,
    ),
    (
        Mutant(
            "a damaged field ends the listing",
            "reading.py",
            "except UNREADABLE:\n            self",
            "except OSError:\n            self",
        ),
        DAMAGE,
    ),
]


@pytest.mark.parametrize(("mutant", "test"), PLANTED, ids=[mutant.id for mutant, _ in PLANTED])
async def test_a_planted_bug_is_seen(mutant: Mutant, test: str, tmp_path: Path) -> None:
    planted = mutant.planted(tmp_path).parent
    fuzzer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / test)),
        env={**os.environ, "PYTHONPATH": str(planted), "GREENSCALE_TEST_INPUTS": "2000", "GREENSCALE_TEST_SEED": "5"},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await fuzzer.communicate()

    assert fuzzer.returncode == 1, output.decode()
    assert "AssertionError" in output.decode()
