"""Which Redis and which workload a command means."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from greenscale_cli import endpoint
from greenscale_cli.exits import Exit, Fault
from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus

NOWHERE = (
    "no Redis is named and no local instance runs here: start one with `greenscale local`, set REDIS_HOST and "
    "REDIS_PORT, or give --redis redis://host:port"
)

NO_URL = (
    "--redis must be redis://[user:password@]host[:port][/database], or rediss:// for TLS; a special character in the "
    "password is written as % and its number: %40 for @"
)


def find_redis(url: str | None, run_dir: Path, environment: Mapping[str, str]) -> RedisAddress:
    """Return the Redis of --redis, else of REDIS_HOST or REDIS_PORT, else of the local instance.

    Raises:
        Fault: None of them tells, or one of them is wrong.
    """
    if url:
        return _from_url(url)
    if environment.get("REDIS_HOST") or environment.get("REDIS_PORT"):
        return _from_environment(environment)
    running = endpoint.find(run_dir)
    if running is None:
        raise Fault(NOWHERE, Exit.UNAVAILABLE)
    return RedisAddress(running.redis.host, running.redis.port)


def _from_url(url: str) -> RedisAddress:
    try:
        address = RedisAddress.from_url(url)
        address.host.encode("idna")
    except ValueError:
        # Its text may hold a piece of the password, where that has a / in it.
        raise Fault(NO_URL, Exit.USAGE) from None
    return address


def _from_environment(environment: Mapping[str, str]) -> RedisAddress:
    try:
        address = RedisAddress.from_environment(environment)
        # What cannot be encoded cannot be looked up: the resolver raises no OSError for it.
        address.host.encode("idna")
    except UnicodeError:
        raise Fault(f"REDIS_HOST must be a host's name or address, not {address.host!r}", Exit.USAGE) from None
    except ValueError as error:
        raise Fault(str(error), Exit.USAGE) from None
    return address


def environment_with_file() -> dict[str, str]:
    """Return the environment, and beneath it the `.env` file of the working directory.

    Raises:
        Fault: The file cannot be read.
    """
    from dotenv import dotenv_values  # noqa: PLC0415

    try:
        told = dotenv_values(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"the file .env cannot be read: {error}", Exit.USAGE) from None
    return {**{name: value or "" for name, value in told.items()}, **os.environ}


def names_of(workloads: Sequence[WorkloadStatus]) -> list[str]:
    """Return what each is called on the command line: its name, with its namespace where another bears it too. Pure."""
    bearers = Counter(status.name for status in workloads)
    return [status.name if bearers[status.name] == 1 else f"{status.namespace}/{status.name}" for status in workloads]


def pick(workloads: Sequence[WorkloadStatus], name: str | None) -> WorkloadStatus:
    """Return the workload called `name` or `namespace/name`, or without a name the only one.

    Raises:
        Fault: There is none, or several.
    """
    found = [status for status in workloads if name in {None, status.name, f"{status.namespace}/{status.name}"}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(names_of(found or workloads)) or "none"
    if name is None:
        raise Fault(f"say which workload: NAME or NAMESPACE/NAME; known here: {names}", Exit.USAGE)
    if found:
        raise Fault(f"several workloads are called {name}: say which of {names}", Exit.USAGE)
    raise Fault(f"no workload is called {name}; known here: {names}", Exit.UNKNOWN)


def pick_list(workloads: list[WorkloadStatus], name: str | None, environment: Mapping[str, str]) -> str:
    """Return the list of the workload that is meant: the named, the only one, or the list `jobs`.

    Raises:
        Fault: It is not clear which.
    """
    if name:
        return pick(workloads, name).list_name
    if len(workloads) > 1:
        names = ", ".join(names_of(workloads))
        raise Fault(f"there are several workloads: say which with -w ({names})", Exit.USAGE)
    return workloads[0].list_name if workloads else environment.get("GREENSCALE_QUEUE") or "jobs"


def open_client(url: str | None, run_dir: Path, workload: str | None) -> JobClient:
    """Return a client of the queue that is meant; raises Fault or QueueUnavailable."""
    environment = environment_with_file()
    address = find_redis(url, run_dir, environment)
    with JobClient(address) as client:
        return JobClient(address, pick_list(client.workloads(), workload, environment))
