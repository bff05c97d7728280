"""The command on a terminal, as a person sees it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from greenscale_testing.instances import GREENSCALE

SEEN_SECONDS = 20
ROWS, COLUMNS = 24, 120

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """The command on a terminal of its own; `seen` is all that was written there, the controls left out."""

    def __init__(
        self, words: tuple[str, ...], environment: Mapping[str, str], folder: Path, stdout: Path | None = None
    ) -> None:
        self._ours, theirs = pty.openpty()
        columns = int(environment["COLUMNS"])
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.process = subprocess.Popen(
            [GREENSCALE, *words],
            stdin=theirs,
            stdout=os.open(stdout, os.O_WRONLY | os.O_CREAT) if stdout else theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self.written = ""

    @property
    def seen(self) -> str:
        return CONTROLS.sub("", self.written)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def shows(self, text: str) -> None:
        """Wait until a text is seen."""
        deadline = time.monotonic() + SEEN_SECONDS
        while text not in self.seen:
            assert self._read(deadline), f"not seen before the end: {text!r} in {self.seen[-COLUMNS:]!r}"

    def ends(self) -> int:
        """Wait for the end of the command and return its status."""
        deadline = time.monotonic() + SEEN_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(SEEN_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _read(self, deadline: float) -> bool:
        """Take what is written next; False at the end."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"too late; the last that was seen is {self.seen[-COLUMNS:]!r}"
        try:
            more = os.read(self._ours, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end
            return False
        self.written += more.decode(errors="replace")
        return bool(more)
