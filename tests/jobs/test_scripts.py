"""The Lua scripts, as texts."""

import re

from greenscale_jobs.scripts import LUA, SHARED, assembled

WAITING_KEY = re.compile(r"redis\.p?call\('\w+', (list|claiming|delayed)\b(?! \.\.)|':(claiming|delayed)'")


def test_only_one_file_knows_how_jobs_wait() -> None:
    """Whoever changes how jobs wait, priorities for one, changes that file alone."""
    files = [*LUA.iterdir(), *(LUA / "shared").iterdir()]
    knowing = {file.name for file in files if file.name.endswith(".lua") and WAITING_KEY.search(file.read_text())}

    assert knowing == {"waiting.lua"}


def test_every_shared_function_is_part_of_some_script() -> None:
    """One that no script uses is in none: nobody would see that it is dead."""
    scripts = [assembled(file.stem) for file in LUA.glob("*.lua")]
    shared = "\n".join((LUA / "shared" / f"{name}.lua").read_text() for name in SHARED)
    functions = re.findall(r"^local function (\w+)", shared, re.MULTILINE)

    assert len(functions) > 40
    assert [name for name in functions if not any(f"local function {name}(" in text for text in scripts)] == []


def test_a_script_carries_no_function_that_it_does_not_use() -> None:
    for file in LUA.glob("*.lua"):
        text = assembled(file.stem)
        functions = re.findall(r"^local function (\w+)", text, re.MULTILINE)

        assert [name for name in functions if len(re.findall(rf"\b{name}\b", text)) == 1] == [], file.name
