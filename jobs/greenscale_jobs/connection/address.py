"""The address of Redis and its credentials, for every part of GreenScale."""

import types
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from greenscale_jobs.connection.redis_connections import Connection, PlainConnection, PlainTlsConnection, TlsConnection
from greenscale_jobs.connection.redis_url import url_parts
from greenscale_jobs.connection.server_checks import read_info, refusal
from greenscale_jobs.connection.service_links import is_service_link
from greenscale_jobs.errors import HungUp, UnsupportedServer

COMMAND_TIMEOUT_SECONDS = 5.0
"""A command that Redis does not answer within this time counts as lost."""

TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

VARIABLES = {
    "host": "REDIS_HOST",
    "port": "REDIS_PORT",
    "database": "REDIS_DB",
    "username": "REDIS_USERNAME",
    "password": "REDIS_PASSWORD",
    "tls": "REDIS_TLS",
    "ca": "REDIS_CA",
}
"""The variable of each field of an address; REDIS_URL has most of them in one."""

CREDENTIALS = ("REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS", "REDIS_CA")
"""The variables that say how to log in, not where."""

NOTHING: Mapping[str, str] = types.MappingProxyType({})


def names_redis(environment: Mapping[str, str]) -> bool:
    """Return whether these variables say where Redis is."""
    return any(_value(environment, name) for name in ("REDIS_URL", "REDIS_HOST", "REDIS_PORT"))


class RedisAddress(msgspec.Struct, frozen=True):
    """One Redis database; shown and logged without its password."""

    host: str = "localhost"
    port: int = 6379
    database: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    """Certificates (PEM) to trust; default: those that the system trusts."""

    def __str__(self) -> str:
        """Return `host:port`, with the database where it is not the first."""
        return f"{self.host}:{self.port}" + (f"/{self.database}" if self.database else "")

    def __repr__(self) -> str:
        """Return the same with the class: no password."""
        return f"RedisAddress({self})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RedisAddress":
        """Read REDIS_URL, and REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS, REDIS_CA.

        The single variables add what REDIS_URL leaves out.

        Raises:
            ValueError: One of them is wrong, or two of them disagree; the text names them.
        """
        variables = _variables(environment)
        url = _value(environment, "REDIS_URL")
        if not url:
            return cls(**variables)
        try:
            parts = url_parts(url)
        except ValueError as error:
            raise ValueError(f"REDIS_URL {error}") from None
        for field, value in variables.items():
            if field in parts and parts[field] != value:
                raise ValueError(
                    f"REDIS_URL and {VARIABLES[field]} disagree: leave one of them out (REDIS_URL alone is enough)"
                )
        return cls(**{**variables, **parts})

    @classmethod
    def from_url(cls, url: str, environment: Mapping[str, str] = NOTHING) -> "RedisAddress":
        """Read `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.

        The URL alone names the server and the database. Credentials that it leaves out come from REDIS_USERNAME,
        REDIS_PASSWORD, REDIS_TLS and REDIS_CA of the environment.

        Raises:
            ValueError: It is not such a URL, or one of these variables is wrong.
        """
        parts = url_parts(url)
        credentials = _variables({name: environment.get(name, "") for name in CREDENTIALS})
        return cls(**{**credentials, **parts})

    def variables(self) -> dict[str, str]:
        """Return the environment for this address; variables that it sets to nothing cannot be set by a `.env` file."""
        values = {"port": str(self.port), "database": str(self.database or ""), "tls": "true" if self.tls else ""}
        fields = {field: values.get(field, getattr(self, field) or "") for field in VARIABLES}
        return {"REDIS_URL": "", **{VARIABLES[field]: value for field, value in fields.items()}}

    def connect(self, *, command_timeout: float | None = COMMAND_TIMEOUT_SECONDS) -> redis.asyncio.Redis:
        """Return an asyncio client; it connects with the first command.

        Every connection first checks the server: half of a queue works on a Cluster or an old Redis. redis-py retries
        nothing: only the queue knows whether a script that got no answer may run again.
        `command_timeout` None is for blocking commands.
        """
        client = redis.asyncio.Redis(
            **self._options(),
            socket_timeout=command_timeout,
            retry=AsyncRetry(NoBackoff(), 0),
            redis_connect_func=_greet,
        )
        client.connection_pool.connection_class = TlsConnection if self.tls else Connection
        return client

    def connect_plain(self) -> redis.Redis:
        """Return a blocking client, safe to share between threads."""
        client = redis.Redis(
            **self._options(),
            socket_timeout=COMMAND_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=_greet_blocking,  # type: ignore[arg-type]  # it is given the connection
        )
        client.connection_pool.connection_class = PlainTlsConnection if self.tls else PlainConnection
        return client

    def _options(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "db": self.database,
            "username": self.username,
            "password": self.password,
            "ssl": self.tls,
            **({"ssl_ca_data": self.ca} if self.tls and self.ca else {}),
            "socket_connect_timeout": COMMAND_TIMEOUT_SECONDS,
        }


async def _greet(connection: redis.asyncio.Connection) -> None:
    """Greet as redis-py does, and refuse a server that cannot keep queues."""
    try:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        info = await connection.read_response()
    except redis.ConnectionError as error:
        raise _hung_up(error) from error
    _check(info)


def _greet_blocking(connection: redis.Connection) -> None:
    try:
        connection.on_connect()  # type: ignore[no-untyped-call]
        connection.send_command("INFO", "server")  # type: ignore[no-untyped-call]
        info = connection.read_response()
    except redis.ConnectionError as error:
        raise _hung_up(error) from error
    _check(info)


def _hung_up(error: redis.ConnectionError) -> redis.ConnectionError:
    """Return HungUp for a server that closes the connection before its first answer without a reason."""
    gave_reason = type(error) is not redis.ConnectionError or "clients" in str(error)
    return error if gave_reason else HungUp(str(error))


def _check(info: bytes) -> None:
    if (why := refusal(read_info(info))) is not None:
        raise UnsupportedServer(why)


def _variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that single variables set; an empty variable counts as not set."""
    read: dict[str, Callable[[str], Any]] = {
        "host": _host,
        "port": lambda text: _number("REDIS_PORT", text, least=1, most=65535),
        "database": lambda text: _number("REDIS_DB", text, least=0, most=2**31 - 1),
        "username": str,
        "password": str,
        "tls": _truth,
        "ca": str,
    }
    texts = {field: _value(environment, name) for field, name in VARIABLES.items()}
    return {field: read[field](text) for field, text in texts.items() if text}


def _value(environment: Mapping[str, str], name: str) -> str:
    """Return a variable's text without the blanks and marks that a Secret or a file leaves at its ends."""
    text = environment.get(name, "").strip().strip("\ufeff").strip()
    return "" if is_service_link(name, text) else text


def _host(text: str) -> str:
    # What precedes an @ may be a password.
    if "://" in text or "@" in text:
        raise ValueError("REDIS_HOST must be a host's name or address; a URL belongs in REDIS_URL")
    if text.count(":") == 1 or not text.isprintable() or set(text) & set(" /?#"):
        raise ValueError(f"REDIS_HOST must be a host's name or address, not {text!r}; its port belongs in REDIS_PORT")
    host = text.removeprefix("[").removesuffix("]")
    try:
        # What cannot be encoded cannot be looked up: the resolver raises no OSError for it.
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"REDIS_HOST must be a host's name or address, not {text!r}") from None
    return host


def _number(name: str, text: str, *, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in TRUTHS:
        raise ValueError(f"REDIS_TLS must be true or false, not {text.lower()!r}")
    return TRUTHS[text.lower()]
