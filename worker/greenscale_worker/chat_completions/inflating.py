"""Decompresses answers with a bound on each piece. Pure."""

import zlib

from greenscale_worker.chat_completions.failures import Broken

PIECE_BYTES = 64 * 1024
"""How much is decompressed at once."""


class Inflating:
    """Decompresses piece by piece, so that a small message cannot become a large one in memory."""

    def __init__(self, encoding: str) -> None:
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise Broken("broken compression")
        self._window = 31 if "gzip" in encoding else zlib.MAX_WBITS
        self._inflate = zlib.decompressobj(self._window)
        self._compressed = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take compressed bytes; `next` is called until it gives nothing before this is called again."""
        self._compressed = data

    def next(self) -> bytes:
        """Return at most `PIECE_BYTES`; empty where more is needed. Raises Broken."""
        while self._compressed:
            try:
                piece = self._inflate.decompress(self._compressed, PIECE_BYTES)
            except zlib.error:
                if self._begun or self._window != zlib.MAX_WBITS:
                    raise Broken("broken compression") from None
                self._window = -zlib.MAX_WBITS  # some servers send `deflate` without its header
                self._inflate = zlib.decompressobj(self._window)
                continue
            self._begun = True
            self._compressed = self._inflate.unconsumed_tail
            if self._inflate.eof and self._inflate.unused_data:
                self._compressed = self._inflate.unused_data
                self._inflate = zlib.decompressobj(self._window)
            if piece:
                return piece
        return b""

    def end(self) -> None:
        """Raise Broken where the message ends in the middle."""
        if self._begun and not self._inflate.eof:
            raise Broken("broken compression")
