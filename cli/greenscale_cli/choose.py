"""Which Redis and which workload a command means."""

import os
from collections.abc import Mapping
from pathlib import Path

from greenscale_cli import endpoint
from greenscale_cli.exits import Exit, Fault
from greenscale_jobs import JobClient, RedisAddress, WorkloadStatus

NOWHERE = (
    "no Redis is named and no local instance runs here: start one with `greenscale local`, set REDIS_HOST and "
    "REDIS_PORT, or give --redis redis://host:port"
)


def find_redis(url: str | None, run_dir: Path, environment: Mapping[str, str]) -> RedisAddress:
    """Return the Redis of --redis, else of REDIS_HOST or REDIS_PORT, else of the local instance.

    Raises:
        Fault: None of them tells, or one of them is wrong.
    """
    try:
        if url:
            return RedisAddress.from_url(url)
        if environment.get("REDIS_HOST") or environment.get("REDIS_PORT"):
            return RedisAddress.from_environment(environment)
    except ValueError as error:
        raise Fault(str(error), Exit.USAGE) from None
    running = endpoint.find(run_dir)
    if running is None:
        raise Fault(NOWHERE, Exit.UNAVAILABLE)
    return RedisAddress(running.redis.host, running.redis.port)


def environment_with_file() -> dict[str, str]:
    """Return the environment, and beneath it the `.env` file of the working directory."""
    from dotenv import dotenv_values  # noqa: PLC0415

    return {**{name: value or "" for name, value in dotenv_values(".env").items()}, **os.environ}


def pick(workloads: list[WorkloadStatus], name: str) -> WorkloadStatus:
    """Return the workload called `name` or `namespace/name`.

    Raises:
        Fault: There is none, or several.
    """
    found = [status for status in workloads if name in {status.name, f"{status.namespace}/{status.name}"}]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{status.namespace}/{status.name}" for status in found)
        raise Fault(f"several workloads are called {name}: say which of {names}", Exit.USAGE)
    known = ", ".join(status.name for status in workloads) or "none"
    raise Fault(f"no workload is called {name}; known here: {known}", Exit.UNKNOWN)


def pick_list(workloads: list[WorkloadStatus], name: str | None, environment: Mapping[str, str]) -> str:
    """Return the list of the workload that is meant: the named, the only one, or the list `jobs`.

    Raises:
        Fault: It is not clear which.
    """
    if name:
        return pick(workloads, name).list_name
    if len(workloads) > 1:
        names = ", ".join(status.name for status in workloads)
        raise Fault(f"there are several workloads: say which with -w ({names})", Exit.USAGE)
    return workloads[0].list_name if workloads else environment.get("GREENSCALE_QUEUE") or "jobs"


def open_client(url: str | None, run_dir: Path, workload: str | None) -> JobClient:
    """Return a client of the queue that is meant; raises Fault or QueueUnavailable."""
    environment = environment_with_file()
    address = find_redis(url, run_dir, environment)
    with JobClient(address) as client:
        return JobClient(address, pick_list(client.workloads(), workload, environment))
