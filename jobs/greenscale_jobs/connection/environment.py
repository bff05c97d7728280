"""Reads the environment and the `.env` file of the working directory, which it overrides, for every part."""

import contextlib
import io
import re
from collections.abc import Mapping
from pathlib import Path

from greenscale_jobs.connection.address import VARIABLES, names_redis
from greenscale_jobs.connection.redis_url import url_parts

FILE = Path(".env")

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

NAME_ALONE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""A line that sets nothing. Other words alone are a piece of a value of several lines without its quotes."""


class InvalidEnvFile(ValueError):
    """A `.env` file that cannot be read whole; the text names it and the line, and quotes nothing of it."""


def with_file(environment: Mapping[str, str], file: Path = FILE) -> dict[str, str]:
    """Return these variables, and those of the file that they leave out.

    Raises:
        InvalidEnvFile: The file is there and cannot be read whole.
    """
    return over(environment, read_env_file(file))


def over(environment: Mapping[str, str], beneath: Mapping[str, str]) -> dict[str, str]:
    """Return both; the first overrides the second. Pure.

    REDIS_URL stands for REDIS_HOST and the like: the form that the environment uses overrides the other.
    """
    hidden: set[str] = set()
    if url := environment.get("REDIS_URL"):
        hidden = {"REDIS_HOST", "REDIS_PORT", "REDIS_DB"}
        with contextlib.suppress(ValueError):  # whoever reads REDIS_URL reports it
            hidden |= {VARIABLES[field] for field in url_parts(url)}
    elif names_redis(environment):
        hidden = {"REDIS_URL"}
    return {**{name: value for name, value in beneath.items() if name not in hidden}, **environment}


def read_env_file(file: Path = FILE) -> dict[str, str]:
    """Return the variables of a `.env` file; none where there is no file.

    Raises:
        InvalidEnvFile: It cannot be read whole.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidEnvFile(f"the file {file} cannot be read: {error.strerror}") from None
    text = _decoded(raw, file)
    # The parts that read a .env bring this package; the queue alone does not need it.
    from dotenv import dotenv_values  # noqa: PLC0415
    from dotenv.parser import parse_stream  # noqa: PLC0415

    for binding in parse_stream(io.StringIO(text)):
        alone = binding.key is not None and binding.value is None
        allowed = NAME_ALONE if alone else NAME
        if binding.error or (binding.key is not None and not allowed.fullmatch(binding.key)):
            # A statement includes the blank lines and comments before it.
            statement = binding.original.string
            line = binding.original.line + statement[: len(statement) - len(statement.lstrip())].count("\n")
            raise InvalidEnvFile(
                f"the file {file} cannot be read: line {line} must be NAME=value, with quotes around a value of "
                "several lines"
            )
    return {name: value or "" for name, value in dotenv_values(stream=io.StringIO(text)).items()}


def _decoded(raw: bytes, file: Path) -> str:
    # The signs of UTF-16 and UTF-32, of which a shell on Windows writes files.
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        line = raw[: max(0, raw.find(b"\0"))].count(b"\n") + 1
        raise InvalidEnvFile(
            f"the file {file} cannot be read: line {line} is not UTF-8 but UTF-16, or binary: save it as UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidEnvFile(
            f"the file {file} cannot be read: 'utf-8' codec fails in line {line}: save it as UTF-8"
        ) from None
