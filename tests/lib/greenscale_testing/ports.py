"""Ports for the servers of tests, each given once while the process that asked for it lives."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 12_000, 19_999
"""Below those that Linux gives to outgoing connections, which could take a port before its server does."""

CLUSTER_BUS = 10_000
"""A Redis Cluster's node listens so much higher too."""

_FOLDER = Path(tempfile.gettempdir()) / "greenscale-test-ports"
_held: list[int] = []
"""File descriptors, whose locks keep the ports from other processes until this one ends."""


def free_port() -> int:
    """Return a port that nothing listens on, and that no other test, of this process or another, will be given."""
    _FOLDER.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST):
        if _reserve(port):
            if _is_free(port) and _is_free(port + CLUSTER_BUS):
                return port
            os.close(_held.pop())
    raise OSError(f"no port from {FIRST} to {LAST} is free")


def _reserve(port: int) -> bool:
    file = os.open(_FOLDER / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
