"""Mixed load for minutes, with workers and Redis dying under it: nothing lost, nothing twice, nothing that grows.

`make soak` is the long form, 15 minutes unless MINUTES says otherwise. The table is left in `artifacts/soak.txt`.
"""

import os
from pathlib import Path

import pytest

from greenscale_testing.local_redis import RedisServer
from greenscale_testing.soak import FINISH_SECONDS, soaking, table

MINUTES = float(os.environ.get("GREENSCALE_TEST_SOAK_MINUTES", "0.4"))
"""Of load; what is left is then finished, and expires."""

SEED = int(os.environ.get("GREENSCALE_TEST_SEED", "5"))

TABLE = Path(__file__).parents[2] / "artifacts" / "soak.txt"


@pytest.mark.timeout(MINUTES * 60 + 4 * FINISH_SECONDS)
async def test_mixed_load_under_faults_loses_nothing_and_nothing_grows(
    own_redis: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # With everysec a kill may take answered writes along, and what is lost would have to be guessed (docs/redis.md).
    own_redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_redis.start()
    async with soaking(own_redis, tmp_path, seed=SEED) as soak:
        await soak.run(MINUTES * 60)
    text = table(f"soak: {MINUTES:g} minutes of load, seed {SEED}", soak)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(text)
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201

    assert (sorted(soak.lost), soak.wrong, sorted(soak.left)) == ([], [], [])
    assert [what for what in soak.chaos.done if "by itself" in what] == []
