"""A network that fails on request: it stands between a client and a server and stalls, cuts or leads elsewhere."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from greenscale_jobs import RedisAddress


class TcpProxy:
    """Forwards to 127.0.0.1:`target`. What a test does to it holds for all connections, `target` for new ones."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.connections = 0
        """How many were ever accepted."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = RedisAddress("127.0.0.1", int(self._listener.getsockname()[1]))
        self._requests_flow, self._replies_flow = threading.Event(), threading.Event()
        self._held = threading.Event()
        self._cut_after: int | None = None
        self._open: list[socket.socket] = []
        self.resume()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.close()
        self.cut()
        self.resume()

    def stall(self, *, requests: bool = True) -> None:
        """Let nothing through, or with `requests` no reply only; no connection breaks by it."""
        if requests:
            self._requests_flow.clear()
        self._replies_flow.clear()
        self._held.clear()

    def await_held_reply(self, seconds: float) -> bool:
        """Wait until a reply is stuck in the stall: its command has had its effect."""
        return self._held.wait(seconds)

    def resume(self) -> None:
        """Let through what was held back, in order."""
        self._requests_flow.set()
        self._replies_flow.set()

    def cut_next_reply(self, after: int = 0) -> None:
        """Break a connection in its next reply, when so many bytes of it are through."""
        self._cut_after = after

    def cut(self) -> None:
        """Break all connections now."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            threading.Thread(target=self._pump_requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pump_replies, args=(server, client), daemon=True).start()

    def _pump_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self._requests_flow.wait()
                server.sendall(data)
        _close(client, server)

    def _pump_replies(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if not self._replies_flow.is_set():
                    self._held.set()
                self._replies_flow.wait()
                if self._cut_after is not None:
                    data, self._cut_after = data[: self._cut_after], None
                    client.sendall(data)
                    break
                client.sendall(data)
        _close(client, server)


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
