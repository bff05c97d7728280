"""Jobs of every kind on an engine that fails in every way, while workers and Redis die: each becomes what it must.

`make soak` is the long form, 15 minutes unless MINUTES says otherwise. The table is left in `artifacts/chaos.txt`.
"""

import os
from pathlib import Path

import pytest

from greenscale_testing.chaos_soak import chaos_soaking, chaos_table
from greenscale_testing.local_redis import RedisServer

MINUTES = float(os.environ.get("GREENSCALE_TEST_SOAK_MINUTES", "0.17"))
"""Of load; what is left is then finished."""

SEED = int(os.environ.get("GREENSCALE_TEST_SEED", "5"))

IS_LONG = MINUTES > 1

FINISH_SECONDS = 600.0 if IS_LONG else 120.0
"""It ends once all have. Dozens of doubtful jobs end one by one: three in a row without an answer are the engine's
failure, and then one job in five seconds finds out."""

MAX_LOSSES = 3 if IS_LONG else 2
"""Each costs the deadly jobs ten seconds, which the short form has not."""

TABLE = Path(__file__).parents[2] / "artifacts" / "chaos.txt"

MAX_MB = 400
"""A worker that keeps an endless answer takes more within seconds."""


@pytest.mark.timeout(MINUTES * 60 + 2 * FINISH_SECONDS)
async def test_each_job_becomes_what_it_must_though_everything_fails(
    own_redis: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # With everysec a kill may take answered writes along, and what is lost would have to be guessed (docs/redis.md).
    own_redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_redis.start()
    async with chaos_soaking(own_redis, tmp_path, seed=SEED, max_losses=MAX_LOSSES, is_long=IS_LONG) as soak:
        await soak.run(MINUTES * 60, per_second=12, fault_every=3, outage_every=6, finish_seconds=FINISH_SECONDS)
        verdict = soak.verdict
        text = chaos_table(f"chaos: {MINUTES:g} minutes of load, seed {SEED}", soak, verdict)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(text)
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201

    assert (verdict.lost, verdict.dead, verdict.done, verdict.texts, verdict.asked) == ([], [], [], [], [])
    assert [what for what in soak.chaos.done if "by itself" in what] == []
    assert soak.peak_mb < MAX_MB
