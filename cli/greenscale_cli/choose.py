"""Chooses the Redis and the workload that a command uses."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from greenscale_cli import endpoint
from greenscale_cli.exits import CommandError, Exit, tell
from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus
from greenscale_jobs.connection.address import names_redis
from greenscale_jobs.connection.environment import InvalidEnvFile, over, read_env_file

NO_REDIS = (
    "no Redis is configured and no local instance runs here: start one with `greenscale local`, set REDIS_HOST and "
    "REDIS_PORT or REDIS_URL, or pass --redis redis://host:port"
)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The Redis to use, and a notice if the person may expect another."""

    address: RedisAddress
    origin: str
    """Where its address comes from: --redis, the environment, the local instance or .env."""
    notice: str = ""


def choose_redis(url: str | None, run_dir: Path, environment: Mapping[str, str], file: Mapping[str, str]) -> Chosen:
    """Return the first Redis of: --redis, the environment, the local instance here, `file` (.env), one further up.

    Raises:
        CommandError: None of them names a Redis, or one of them is wrong.
    """
    variables = over(environment, file)
    if url:
        return Chosen(_address(lambda: RedisAddress.from_url(url, variables), "--redis "), "--redis")
    if names_redis(environment):
        return Chosen(_address(lambda: RedisAddress.from_environment(variables)), "the environment")
    if here := endpoint.read(run_dir):
        address = RedisAddress(here.redis.host, here.redis.port)
        notice = f"using the local instance of this folder at {address}, not the Redis in .env"
        return Chosen(address, "the local instance", notice if names_redis(file) else "")
    if names_redis(variables):
        return Chosen(_address(lambda: RedisAddress.from_environment(variables), ".env: "), ".env")
    running = endpoint.find(run_dir)
    if running is None:
        raise CommandError(NO_REDIS, Exit.UNAVAILABLE)
    return Chosen(RedisAddress(running.redis.host, running.redis.port), "the local instance")


def _address(read: Callable[[], RedisAddress], source: str = "") -> RedisAddress:
    try:
        return read()
    except ValueError as error:
        raise CommandError(f"{source}{error}", Exit.USAGE) from None


def file_variables() -> dict[str, str]:
    """Return the variables of the `.env` file of the working directory.

    Raises:
        CommandError: The file is damaged or cannot be read.
    """
    try:
        return read_env_file()
    except InvalidEnvFile as error:
        raise CommandError(str(error), Exit.USAGE) from None


def environment_with_file() -> dict[str, str]:
    """Return the environment, completed by the `.env` file of the working directory.

    Raises:
        CommandError: The file is damaged or cannot be read.
    """
    return over(os.environ, file_variables())


def names_of(workloads: Sequence[WorkloadStatus]) -> list[str]:
    """Return each workload's name on the command line: with its namespace if the name is not unique. Pure."""
    counts = Counter(status.name for status in workloads)
    return [status.name if counts[status.name] == 1 else f"{status.namespace}/{status.name}" for status in workloads]


def pick(workloads: Sequence[WorkloadStatus], name: str | None) -> WorkloadStatus:
    """Return the workload called `name` or `namespace/name`; without a name, the only one.

    Raises:
        CommandError: There is none, or several.
    """
    found = [status for status in workloads if name in {None, status.name, f"{status.namespace}/{status.name}"}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(names_of(found or workloads)) or "none"
    if name is None:
        raise CommandError(f"name the workload, as NAME or NAMESPACE/NAME; known workloads: {names}", Exit.USAGE)
    if found:
        raise CommandError(f"several workloads are called {name}: choose one of {names}", Exit.USAGE)
    raise CommandError(f"no workload is called {name}; known workloads: {names}", Exit.UNKNOWN)


def pick_list(workloads: list[WorkloadStatus], name: str | None, environment: Mapping[str, str]) -> str:
    """Return the list of the workload to use: the named one, the only one, or the list `jobs`.

    Raises:
        CommandError: The choice is not clear.
    """
    if name:
        return pick(workloads, name).list_name
    if len(workloads) > 1:
        names = ", ".join(names_of(workloads))
        raise CommandError(f"there are several workloads: choose one with -w ({names})", Exit.USAGE)
    return workloads[0].list_name if workloads else environment.get("GREENSCALE_QUEUE") or "jobs"


def choose(url: str | None, run_dir: Path) -> Chosen:
    """Return the Redis that a command uses, with a note on stderr if the choice may surprise; raises CommandError."""
    chosen = choose_redis(url, run_dir, os.environ, file_variables())
    if chosen.notice:
        tell(chosen.notice)
    return chosen


def open_client(url: str | None, run_dir: Path, workload: str | None, *, sends: bool = False) -> JobClient:
    """Return a client of the queue that a command uses; raises CommandError or QueueUnavailable.

    A command that `sends` also prints where to, if the address comes from a file.
    """
    chosen = choose(url, run_dir)
    if sends and chosen.origin == ".env":
        tell(f"sending to Redis at {chosen.address}, from .env")
    with JobClient(chosen.address) as client:
        return JobClient(chosen.address, pick_list(client.workloads(), workload, environment_with_file()))
