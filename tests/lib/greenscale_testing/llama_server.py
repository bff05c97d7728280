"""The real llama.cpp server."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from greenscale_testing import tiny_model
from greenscale_testing.ports import free_port

BINARY = Path(sys.executable).with_name("llama-cpp-server")

START_SECONDS = 60

CONTEXT_TOKENS = tiny_model.CONTEXT_TOKENS


class LlamaServer:
    """One server on a port of its own; `kill` and `start` again as a crash would have it."""

    def __init__(self, model: Path, log: Path) -> None:
        assert BINARY.exists(), f"{BINARY.name} is missing: `make test-llama` installs it"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.health_url = f"http://127.0.0.1:{self.port}/health"
        self._model = model
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command: list[str | Path] = [
            BINARY,
            "-m",
            self._model,
            "--port",
            str(self.port),
            "--ctx-size",
            str(CONTEXT_TOKENS),
        ]
        with self._log.open("ab") as log:
            # A group of its own: the command starts the server as its child.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, process_group=0)
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process:
            subprocess.run(["kill", "-9", "--", f"-{self._process.pid}"], check=True)  # noqa: S607
            self._process.wait()
            self._process = None

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self.health_url, timeout=2) as reply:  # noqa: S310 - our own
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False
