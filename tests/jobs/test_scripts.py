"""The Lua scripts, as texts."""

import re

from greenscale_jobs.scripts import LUA

WAITING_KEY = re.compile(r"redis\.p?call\('\w+', (list|claiming|delayed)\b(?! \.\.)|':(claiming|delayed)'")


def test_only_one_file_knows_how_jobs_wait() -> None:
    """Whoever changes how jobs wait, priorities for one, changes that file alone."""
    files = [*LUA.iterdir(), *(LUA / "shared").iterdir()]
    knowing = {file.name for file in files if file.name.endswith(".lua") and WAITING_KEY.search(file.read_text())}

    assert knowing == {"waiting.lua"}
