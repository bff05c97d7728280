"""Free ports on loopback."""

import socket

TRIES = 100


def free_port(preferred: int) -> int:
    """Return the first port from `preferred` on that nothing listens on; another program may still be faster."""
    for port in range(preferred, preferred + TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
