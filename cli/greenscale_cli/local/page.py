"""The page beside the workload: Streamlit on loopback."""

import asyncio
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from greenscale_cli.local.child import Child
from greenscale_cli.local.errors import LocalModeError
from greenscale_cli.local.resource import shipped
from greenscale_jobs import RedisAddress

START_SECONDS = 60.0
"""Streamlit imports a great deal; on a busy machine that takes a while."""


async def start_page(run_dir: Path, port: int, redis: RedisAddress, environment: Mapping[str, str]) -> Child:
    """Start the page on loopback and wait until it answers.

    Raises:
        LocalModeError: It does not start.
    """
    flags = [f"--server.port={port}", "--server.address=127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", str(shipped("dashboard/app.py")), *flags]
    child = await Child.start(
        command,
        log=run_dir / "logs" / "page.log",
        environment=page_environment(environment, redis),
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while child.returncode is None:
                if await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/_stcore/health"):
                    return child
                await asyncio.sleep(0.1)
    except TimeoutError:
        pass
    raise LocalModeError(f"the page did not start: {child.last_line()} (more in {child.log}); or use --no-page")


def page_environment(environment: Mapping[str, str], redis: RedisAddress) -> dict[str, str]:
    """Return what the page is started with: it never calls a model, so it gets no key of one."""
    without_keys = {name: value for name, value in environment.items() if not name.startswith("OPENAI_")}
    return {**without_keys, **redis.variables(), "GREENSCALE_LOCAL": "1"}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310
            return bool(reply.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
