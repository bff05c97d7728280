"""The worker processes: as many as wanted, restarted with backoff when they crash."""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from greenscale_cli.local.child import Child
from greenscale_jobs import RedisAddress

FIRST_RESTART_SECONDS, MAX_RESTART_SECONDS = 1.0, 60.0
"""A worker that crashes again and again is restarted after ever longer waits, as by the kubelet."""

STEADY_SECONDS = 30.0
"""A worker that ran so long has not crashed at its start: the backoff begins again."""


class WorkerPool:
    """Keeps `wanted` workers alive. `say` is called with a sentence for each that crashes."""

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        *,
        grace_seconds: float,
        logs: Path,
        say: Callable[[str], None],
    ) -> None:
        self._name = name
        self._environment = environment
        self._grace_seconds = grace_seconds
        self._logs = logs
        self._say = say
        self._numbers = itertools.count(1)
        self._watchers: dict[asyncio.Task[None], Child] = {}
        self._wanted = 0
        self._crashes = 0
        self._start_not_before = 0.0
        self._last_crash = ""

    @property
    def running(self) -> int:
        """How many worker processes there are, those that are ending included."""
        return len(self._watchers)

    @property
    def crash(self) -> str | None:
        """How the last worker crashed, once it was more than an accident; None while they work."""
        return self._last_crash if self._crashes > 1 else None

    def forget_crashes(self) -> None:
        """Reset the backoff: a worker does its work."""
        self._crashes = 0

    async def scale(self, wanted: int) -> None:
        """Start or end workers so that `wanted` run; the newest end first, each within its grace period."""
        self._wanted = wanted
        for task in list(self._watchers)[wanted:]:
            self._watchers[task].terminate()
        if time.monotonic() < self._start_not_before:
            return
        while len(self._watchers) < wanted:
            await self._start()

    def hurry(self) -> None:
        """Make workers that are already draining release what they run."""
        for child in self._watchers.values():
            child.interrupt()

    async def end(self) -> None:
        """End all workers: drained within their grace period, else killed."""
        self._wanted = 0
        children = list(self._watchers.values())
        await asyncio.gather(*(child.end(within_seconds=self._grace_seconds) for child in children))
        await asyncio.gather(*self._watchers)

    async def _start(self) -> None:
        worker = f"{self._name}-{next(self._numbers)}"
        child = await Child.start(
            [sys.executable, "-m", "greenscale_worker"],
            log=self._logs / f"{worker}.log",
            environment={**self._environment, "GREENSCALE_WORKER": worker},
        )
        task = asyncio.create_task(self._watch(worker, child))
        self._watchers[task] = child

    async def _watch(self, worker: str, child: Child) -> None:
        started = time.monotonic()
        status = await child.ended()
        task = asyncio.current_task()
        steady = time.monotonic() - started > STEADY_SECONDS
        self._watchers = {other: running for other, running in self._watchers.items() if other is not task}
        if len(self._watchers) >= self._wanted and status == 0:
            return
        self._crashes = 1 if steady else self._crashes + 1
        seconds = min(MAX_RESTART_SECONDS, FIRST_RESTART_SECONDS * 2.0 ** (self._crashes - 1))
        self._start_not_before = time.monotonic() + seconds
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._last_crash = f"{worker} {how}: {child.last_line()} (more in {child.log})"
        self._say(f"{worker} {how}; the next starts in {seconds:g} s if it is needed. Log: {child.log}")


def worker_environment(deployment: dict[str, Any], redis: RedisAddress, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker process: our own, and what the Deployment gives its container.

    A Secret's value comes from `secrets` (our environment and `.env`) under the variable's own name.
    """
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    literal = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    secret = {
        entry["name"]: secrets[entry["name"]]
        for entry in container["env"]
        if "secretKeyRef" in entry.get("valueFrom", {}) and entry["name"] in secrets
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GREENSCALE_", "REDIS_"))}
    here = {**redis.variables(), "GREENSCALE_LIVENESS_PORT": "0"}
    if "WORKER_SETTINGS" in literal:
        here["WORKER_SETTINGS"] = _without_rereading(literal["WORKER_SETTINGS"])
    return {**ours, **secret, **literal, **here}


def _without_rereading(settings: str) -> str:
    """Return a worker's settings without the credentials that its restart would read again: here it reads the same."""
    try:
        given = json.loads(settings)
    except ValueError:
        return settings  # the worker reports it
    if not isinstance(given, dict) or "readAgainAtRestart" not in given:
        return settings
    return json.dumps({name: value for name, value in given.items() if name != "readAgainAtRestart"})
