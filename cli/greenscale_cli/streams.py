"""Standard streams that fail in words: output that cannot be written is an error of its own, not a traceback."""

import errno
import io
import os
import sys
from typing import IO, Any


class OutputLost(Exception):
    """What is printed reaches nobody; the text says why. What was done until then is done."""


class _Output(io.TextIOWrapper):
    """Stdout, which says that it takes no more."""

    def write(self, text: str) -> int:
        """Write a text; raises OutputLost."""
        try:
            return super().write(text)
        except OSError as error:
            raise OutputLost(_why(error)) from error
        except UnicodeEncodeError as error:
            raise OutputLost(
                f"stdout's encoding ({self.encoding}) lacks characters of this text: set PYTHONIOENCODING=utf-8, or "
                "use -o json"
            ) from error

    def flush(self) -> None:
        """Write what was held back; raises OutputLost."""
        try:
            super().flush()
        except OSError as error:
            raise OutputLost(_why(error)) from error


class _Notes(io.TextIOWrapper):
    """Stderr: where nobody reads it, the command goes on."""

    def write(self, text: str) -> int:
        """Write a text, if that can be."""
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Write what was held back, if that can be."""
        try:
            super().flush()
        except OSError:
            _to_nowhere(2)


class _Closed(io.RawIOBase):
    """In place of a stdout that was closed before we began (`>&-`)."""

    def writable(self) -> bool:
        """Say yes: only then is a write tried, and refused."""
        return True

    def write(self, _: object) -> int:
        """Refuse it."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def prepare() -> None:
    """Put streams that fail in words in place of Python's; what was closed is open to nothing afterwards.

    Else the next file or connection would get the number of a closed one, and be written into.
    """
    is_open = {number: _is_open(number) for number in (0, 1, 2)}
    for number in (0, 1, 2):  # in this order: each takes the lowest number that is free
        if not is_open[number]:
            os.open(os.devnull, os.O_RDWR)
    if not is_open[0] or sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - for the life of the process
    out, notes = _how(sys.stdout, "strict"), _how(sys.stderr, "backslashreplace")
    sys.stdout = _Output(_bytes_of(sys.stdout, 1, is_open=is_open[1]), **out)
    sys.stderr = _Notes(_bytes_of(sys.stderr, 2, is_open=True), **notes)


def drop_stdout() -> None:
    """Let what is held back for stdout, and all that follows, go nowhere: the end of the process would try it again."""
    _to_nowhere(1)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the life of the process


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def readable(text: str) -> str:
    """Return a text with what stdout's encoding lacks as escapes: for people, not for programs."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding, "replace")


def takes_unicode() -> bool:
    """Return whether stdout takes every character."""
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _bytes_of(stream: IO[str] | None, number: int, *, is_open: bool) -> Any:
    """Return the bytes beneath a stream."""
    if not is_open:
        return io.BufferedWriter(_Closed())
    if isinstance(stream, io.TextIOWrapper):
        return stream.detach()
    return os.fdopen(number, "wb", closefd=False)


def _how(stream: IO[str] | None, errors: str) -> dict[str, Any]:
    """Return how the new stream is opened: as the old one was."""
    lines = bool(getattr(stream, "line_buffering", False))
    return {
        "encoding": getattr(stream, "encoding", None) or "utf-8",
        "errors": getattr(stream, "errors", None) or errors,
        "line_buffering": lines or errors != "strict",
    }


def _why(error: OSError) -> str:
    match error.errno:
        case errno.EPIPE:
            return "stdout was closed by whoever read it"
        case errno.EBADF:
            return "stdout is closed"
        case _:
            return f"stdout cannot be written: {error.strerror}"
