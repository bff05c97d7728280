"""Certificates of one's own, and a server that speaks TLS for one that does not: the wheel's Redis is built without."""

import asyncio
import contextlib
import dataclasses
import ssl
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclasses.dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        folder.mkdir()
        # Python 3.13 and later refuse an authority that does not say what its key is for.
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        making = ("req", "-x509", *EC_KEY, "-days", "2", "-subj", "/CN=ca", *usage)
        _openssl(folder, *making, "-keyout", "ca.key", "-out", "ca.crt")
        return cls(folder)

    @property
    def certificate(self) -> str:
        return (self.folder / "ca.crt").read_text()

    def vouch(self, *, ip: str = "127.0.0.1", days: int = 2) -> ssl.SSLContext:
        """Return what a server at this address proves itself with; with no days it has expired at once."""
        names = f"subjectAltName=IP:{ip}"
        _openssl(self.folder, "req", *EC_KEY, "-subj", "/CN=redis", "-addext", names, "-keyout", "key", "-out", "csr")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy")
        _openssl(self.folder, "x509", "-req", "-in", "csr", *signing, "-days", str(days), "-out", "crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "crt", self.folder / "key")
        return context


class TlsFront:
    """Takes TLS off and forwards to 127.0.0.1:`target`, on a thread of its own."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        serving = asyncio.start_server(self._forward, "127.0.0.1", 0, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            for end in (back, writer):
                end.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607
