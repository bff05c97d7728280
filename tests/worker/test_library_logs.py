"""What libraries log: as the worker's own events, and without keys and prompts."""

import asyncio
import json
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.openai_server import serving
from greenscale_testing.raw_server import Reply, raw
from greenscale_worker.library_logs import LibraryLogs
from greenscale_worker.logs import Log
from greenscale_worker.observe import Observer

Start = Callable[..., "subprocess.Popen[str]"]

KEY, PROMPT = "sk-secret-key", "a secret prompt"
ADDRESS = f"http://user:pass@here/{KEY}/v1?key={KEY}"


def logged(capsys: pytest.CaptureFixture[str], *arguments: Any, **more: Any) -> dict[str, Any]:
    """Return the line that becomes of a library's error."""
    library = logging.Logger("a.library")  # noqa: LOG001 - not the process' own
    library.addHandler(LibraryLogs(Observer(Log("json", worker="w")), secrets=[KEY]))
    library.debug(PROMPT)
    library.info(PROMPT)
    library.error(*arguments, **more)
    line: dict[str, Any] = json.loads(capsys.readouterr().err)
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("Unclosed connection",), "Unclosed connection", id="a constant"),
        pytest.param(("%s failed %d times in %.1f s", ADDRESS, 3, 0.25), "... failed 3 times in 0.2 s", id="arguments"),
        pytest.param(("%(url)s: %(tries)d", {"url": ADDRESS, "tries": 3}), "...: 3", id="named arguments"),
        pytest.param(("%d failed", PROMPT), "%d failed", id="an argument of another kind"),
        pytest.param((f"Cannot reach {ADDRESS} now",), "Cannot reach ...", id="an address"),
        pytest.param((f"Giving up: {PROMPT}",), "Giving up ...", id="data after a colon"),
        pytest.param((f"Giving up '{PROMPT}'",), "Giving up ...", id="data in quotes"),
        pytest.param((f"Task failed\nfuture <Task {PROMPT}>",), "Task failed", id="several lines"),
        pytest.param((f"Unclosed Session(<{PROMPT}>)",), "Unclosed Session ...", id="a repr"),
        pytest.param((f"{KEY} is wrong",), "... is wrong", id="the key itself"),
        pytest.param((ValueError(PROMPT),), "ValueError", id="an exception instead of a text"),
        pytest.param(("x" * 1000,), "x" * 200, id="a long text"),
    ],
)
def test_a_message_is_kept_without_its_data(
    capsys: pytest.CaptureFixture[str], arguments: tuple[Any, ...], message: str
) -> None:
    line = logged(capsys, *arguments)

    assert (line["level"], line["event"], line["library"]) == ("error", "library_log", "a.library")
    assert line["message"] == message
    assert "secret" not in str(line)


WARNING = "It is slow"

WARNS = f"""
import logging, threading, time

def warn():
    while True:
        logging.getLogger("aiohttp.client").warning("{WARNING}")
        time.sleep(0.02)

threading.Thread(target=warn, daemon=True).start()
"""
"""A library that warns again and again from a thread; what comes before the worker logs is Python's own line."""


def test_of_an_exception_its_kind_and_place_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError(PROMPT)

    try:
        fail()
    except ValueError as error:
        line = logged(capsys, "It failed", exc_info=error)

    assert line["error"].startswith("ValueError in ")
    assert "fail, line " in line["error"]
    assert "secret" not in str(line)


async def test_an_engine_that_fails_with_a_key_in_its_address_is_logged_without_it(
    start_worker: Start, address: RedisAddress, worker_log: Callable[[], str]
) -> None:
    """Even where the libraries are asked to log all they know."""
    async with raw(Reply((), "reset")) as (_, url):
        with JobClient(address) as client:
            start_worker(
                GREENSCALE_ENGINE="OpenAI",
                OPENAI_BASE_URL=url.replace("/v1", f"/{KEY}/v1"),
                OPENAI_API_KEY=KEY,
                GREENSCALE_LOG_FORMAT="json",
                OPENAI_LOG="debug",
                PYTHONASYNCIODEBUG="1",
            )
            job_id = client.submit(PROMPT)
            async with asyncio.timeout(60):
                while '"failed"' not in worker_log():  # noqa: ASYNC110 - a log tells no event
                    await asyncio.sleep(0.05)
            job = client.job(job_id)
    lines = [json.loads(line) for line in worker_log().splitlines()]

    assert [line["reason"] for line in lines if line["event"] == "failed"][:1] == ["EngineLost"]
    assert "EngineLost" in str(job)
    assert "secret" not in worker_log()


async def test_a_librarys_warning_is_a_line_like_ours(
    start_worker: Start, address: RedisAddress, worker_log: Callable[[], str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WARNS)
    async with serving() as (_, url):
        with JobClient(address) as client:
            start_worker(
                GREENSCALE_ENGINE="OpenAI",
                OPENAI_BASE_URL=url,
                OPENAI_LOG="debug",
                GREENSCALE_MODEL="echo",
                GREENSCALE_LOG_FORMAT="json",
                PYTHONPATH=str(tmp_path),
            )
            job_id = client.submit(PROMPT)
            async with asyncio.timeout(60):
                while client.job(job_id).state is not JobState.DONE:  # noqa: ASYNC110 - the server needs this loop
                    await asyncio.sleep(0.05)
    lines = [json.loads(line) for line in worker_log().splitlines() if line != WARNING]

    assert {"aiohttp.client"} <= {line["library"] for line in lines if line["event"] == "library_log"}
    assert "secret" not in worker_log()
