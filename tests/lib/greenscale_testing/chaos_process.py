"""The chaos engine's process, for those who test with it: started, commanded, and started again when it dies."""

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from greenscale_testing.chaos_ledger import Line, read_lines

LIB = Path(__file__).parents[1]

START_SECONDS = 20.0

OnKill = Callable[[str], None]


class EngineProcess:
    """One engine over all of its lives, on one port; `on_kill` is called with the worker that a prompt killed."""

    def __init__(self, state: Path, *, seed: int, calm: bool, on_kill: OnKill) -> None:
        self.state = state
        self.port = 0
        self._seed, self._calm, self._on_kill = seed, calm, on_kill
        self._said: Counter[str] = Counter()
        self._speaks = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def base_url(self) -> str:
        """What workers are given."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def ready_url(self) -> str:
        """Where it answers whether it is ready."""
        return f"http://127.0.0.1:{self.port}/health"

    @property
    def lines(self) -> list[Line]:
        """What it has written down so far."""
        return read_lines(self.state)

    async def refuse(self, name: str, seconds: float) -> None:
        """Have an outage, and wait until it is over, or the engine has died of something else and is back."""
        process, ends = self._process, self._said["over"] + self._said["listening"]
        assert process
        assert process.stdin
        process.stdin.write(f"outage {name} {seconds}\n".encode())
        await self.until(lambda said: said["over"] + said["listening"] > ends, seconds=seconds + START_SECONDS)

    async def until(self, holds: Callable[[Counter[str]], bool], *, seconds: float = START_SECONDS) -> None:
        """Wait until this holds of how often it said each word."""
        async with asyncio.timeout(seconds), self._speaks:
            await self._speaks.wait_for(lambda: holds(self._said))

    async def live(self) -> None:
        """Start it, and again whenever it dies; for ever."""
        try:
            while True:
                await self._live_once()
        finally:
            if self._process and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def __aenter__(self) -> Self:
        """Return it when it listens."""
        self._task = asyncio.create_task(self.live())
        await self.until(lambda said: said["listening"] > 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _live_once(self) -> None:
        command = ["-m", "greenscale_testing.chaos_engine", "--state", str(self.state), "--seed", str(self._seed)]
        command += ["--port", str(self.port), *(["--calm"] if self._calm else [])]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env={**os.environ, "PYTHONPATH": str(LIB)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout
        while line := (await self._process.stdout.readline()).decode():
            what, _, about = line.strip().partition(" ")
            if what == "listening":
                self.port = int(about)
            if what == "kill":
                self._on_kill(about)
            async with self._speaks:
                self._said[what] += 1
                self._speaks.notify_all()
        await self._process.wait()


@contextlib.asynccontextmanager
async def chaos_engine(
    folder: Path,
    name: str = "chaos",
    *,
    seed: int = 5,
    calm: bool = False,
    on_kill: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[EngineProcess]:
    """Give an engine that listens; it is gone at the end."""
    async with EngineProcess(folder / f"{name}.jsonl", seed=seed, calm=calm, on_kill=on_kill) as engine:
        yield engine
