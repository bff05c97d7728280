"""Which Redis and which workload a command means."""

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

NOWHERE = (
    "no Redis is named and no local instance runs here: start one with `greenscale local`, set REDIS_HOST and "
    "REDIS_PORT or REDIS_URL, or give --redis redis://host:port"
)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The Redis that is meant, and what is said of it where a person may expect another."""

    address: RedisAddress
    origin: str
    """What named it: --redis, the environment, the local instance or .env."""
    notice: str = ""


def choose_redis(url: str | None, run_dir: Path, environment: Mapping[str, str], file: Mapping[str, str]) -> Chosen:
    """Return the Redis of --redis, else of the environment, the local instance here, `file` (.env), one further up.

    Raises:
        CommandError: None of them names one, or one of them is wrong.
    """
    variables = over(environment, file)
    if url:
        return Chosen(_address(lambda: RedisAddress.from_url(url, variables), "--redis "), "--redis")
    if names_redis(environment):
        return Chosen(_address(lambda: RedisAddress.from_environment(variables)), "the environment")
    if here := endpoint.read(run_dir):
        address = RedisAddress(here.redis.host, here.redis.port)
        notice = f"the local instance of this folder at {address} is used, not the Redis of .env"
        return Chosen(address, "the local instance", notice if names_redis(file) else "")
    if names_redis(variables):
        return Chosen(_address(lambda: RedisAddress.from_environment(variables), ".env: "), ".env")
    running = endpoint.find(run_dir)
    if running is None:
        raise CommandError(NOWHERE, Exit.UNAVAILABLE)
    return Chosen(RedisAddress(running.redis.host, running.redis.port), "the local instance")


def _address(read: Callable[[], RedisAddress], source: str = "") -> RedisAddress:
    try:
        return read()
    except ValueError as error:
        raise CommandError(f"{source}{error}", Exit.USAGE) from None


def file_variables() -> dict[str, str]:
    """Return the variables of the `.env` file of the working directory.

    Raises:
        CommandError: The file cannot be read whole.
    """
    try:
        return read_env_file()
    except InvalidEnvFile as error:
        raise CommandError(str(error), Exit.USAGE) from None


def environment_with_file() -> dict[str, str]:
    """Return the environment, and beneath it the `.env` file of the working directory.

    Raises:
        CommandError: The file cannot be read whole.
    """
    return over(os.environ, file_variables())


def names_of(workloads: Sequence[WorkloadStatus]) -> list[str]:
    """Return what each is called on the command line: its name, with its namespace where another bears it too. Pure."""
    bearers = Counter(status.name for status in workloads)
    return [status.name if bearers[status.name] == 1 else f"{status.namespace}/{status.name}" for status in workloads]


def pick(workloads: Sequence[WorkloadStatus], name: str | None) -> WorkloadStatus:
    """Return the workload called `name` or `namespace/name`, or without a name the only one.

    Raises:
        CommandError: There is none, or several.
    """
    found = [status for status in workloads if name in {None, status.name, f"{status.namespace}/{status.name}"}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(names_of(found or workloads)) or "none"
    if name is None:
        raise CommandError(f"say which workload: NAME or NAMESPACE/NAME; known here: {names}", Exit.USAGE)
    if found:
        raise CommandError(f"several workloads are called {name}: say which of {names}", Exit.USAGE)
    raise CommandError(f"no workload is called {name}; known here: {names}", Exit.UNKNOWN)


def pick_list(workloads: list[WorkloadStatus], name: str | None, environment: Mapping[str, str]) -> str:
    """Return the list of the workload that is meant: the named, the only one, or the list `jobs`.

    Raises:
        CommandError: It is not clear which.
    """
    if name:
        return pick(workloads, name).list_name
    if len(workloads) > 1:
        names = ", ".join(names_of(workloads))
        raise CommandError(f"there are several workloads: say which with -w ({names})", Exit.USAGE)
    return workloads[0].list_name if workloads else environment.get("GREENSCALE_QUEUE") or "jobs"


def choose(url: str | None, run_dir: Path) -> Chosen:
    """Return the Redis that a command means, and say on stderr where it may surprise; raises CommandError."""
    chosen = choose_redis(url, run_dir, os.environ, file_variables())
    if chosen.notice:
        tell(chosen.notice)
    return chosen


def open_client(url: str | None, run_dir: Path, workload: str | None, *, sends: bool = False) -> JobClient:
    """Return a client of the queue that is meant; raises CommandError or QueueUnavailable.

    A command that `sends` also says where to, if that stands in a file.
    """
    chosen = choose(url, run_dir)
    if sends and chosen.origin == ".env":
        tell(f"sends to Redis at {chosen.address}, which .env names")
    with JobClient(chosen.address) as client:
        return JobClient(chosen.address, pick_list(client.workloads(), workload, environment_with_file()))
