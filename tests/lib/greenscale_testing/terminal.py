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

TIMEOUT_SECONDS = 20
ROWS, COLUMNS = 24, 120

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """The command on a terminal of its own; `text` is all that was written there, without control sequences."""

    def __init__(
        self, words: tuple[str, ...], environment: Mapping[str, str], folder: Path, stdout: Path | None = None
    ) -> None:
        self._our_end, terminal_end = pty.openpty()
        columns = int(environment["COLUMNS"])
        fcntl.ioctl(terminal_end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.process = subprocess.Popen(
            [GREENSCALE, *words],
            stdin=terminal_end,
            stdout=os.open(stdout, os.O_WRONLY | os.O_CREAT) if stdout else terminal_end,
            stderr=terminal_end,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(terminal_end)
        self.written = ""

    @property
    def text(self) -> str:
        return CONTROLS.sub("", self.written)

    def type(self, keys: str) -> None:
        os.write(self._our_end, keys.encode())

    def shows(self, text: str) -> None:
        """Wait until a text is on the screen."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.text:
            assert self._read(deadline), f"not written before the end: {text!r} in {self.text[-COLUMNS:]!r}"

    def ends(self) -> int:
        """Wait for the end of the command and return its status."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(TIMEOUT_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._our_end)

    def _read(self, deadline: float) -> bool:
        """Take what is written next; False at the end."""
        ready, _, _ = select.select([self._our_end], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"too late; the last text is {self.text[-COLUMNS:]!r}"
        try:
            more = os.read(self._our_end, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end
            return False
        self.written += more.decode(errors="replace")
        return bool(more)
