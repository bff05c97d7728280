"""Child processes that never outlive us: Redis, workers, the page."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal that a process gets when its parent dies, however it dies."""


class Child:
    """One running child; what it prints goes to `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        if_orphaned: signal.Signals = signal.SIGKILL,
    ) -> "Child":
        """Start a command in a process group of its own, so that Ctrl-C reaches us first.

        `if_orphaned` is what it gets when we die without ending it (Linux only). A worker gets no chance to drain: its
        Redis dies as well, and it would wait out its grace period for it. The lease brings its jobs back.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=partial(_die_with_parent, if_orphaned) if sys.platform == "linux" else None,
            )
        return cls(process, log)

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    async def ended(self) -> int:
        """Wait for its end and return its exit status; negative is a signal's number."""
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        if self.returncode is None:
            self._process.terminate()

    def interrupt(self) -> None:
        """Ask once more (SIGINT): the kernel would make one of two SIGTERMs that follow closely."""
        if self.returncode is None:
            self._process.send_signal(signal.SIGINT)

    async def end(self, *, within_seconds: float) -> None:
        """Ask it to end, and make it if it has not by then."""
        self.terminate()
        try:
            async with asyncio.timeout(within_seconds):
                await self.ended()
        except TimeoutError:
            self._process.kill()
            await self.ended()

    def last_line(self) -> str:
        """Return the last line that it printed, for a message about its end."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it printed nothing"


def _die_with_parent(number: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
