"""Standard streams whose failures are clear errors: output that cannot be written raises OutputLost."""

import errno
import io
import os
import sys
from typing import IO, Any


class OutputLost(Exception):
    """Output cannot be written; the text says why. What was done until then is done."""


class _Output(io.TextIOWrapper):
    """Stdout; raises OutputLost if it cannot be written."""

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
        """Write the buffer; raises OutputLost."""
        try:
            super().flush()
        except OSError as error:
            raise OutputLost(_why(error)) from error


class _Notes(io.TextIOWrapper):
    """Stderr: if it cannot be written, the command continues."""

    def write(self, text: str) -> int:
        """Write a text, if possible."""
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Write the buffer, if possible."""
        try:
            super().flush()
        except OSError:
            _to_nowhere(2)


class _Closed(io.RawIOBase):
    """Replaces a stdout that was closed before the start (`>&-`)."""

    def writable(self) -> bool:
        """Return True, so that a write is tried and refused."""
        return True

    def write(self, _: object) -> int:
        """Refuse the write."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def prepare() -> None:
    """Replace Python's standard streams by ours; closed ones are opened to /dev/null.

    Otherwise the next file or connection would get the number of a closed stream, and output would go into it.
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
    """Send stdout's buffer and all further output to /dev/null: the exit of the process would try to write it again."""
    _to_nowhere(1)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the life of the process


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def readable(text: str) -> str:
    """Return a text with characters that stdout's encoding lacks as escapes: for people, not for programs."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding, "replace")


def takes_unicode() -> bool:
    """Return whether stdout can encode every character."""
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
            return "the reader of stdout has closed it"
        case errno.EBADF:
            return "stdout is closed"
        case _:
            return f"stdout cannot be written: {error.strerror}"
