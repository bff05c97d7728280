"""Where Redis is and how one gets in, as every part of GreenScale is told it."""

import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from greenscale_jobs.errors import UnsupportedServer
from greenscale_jobs.server import read_info, refusal

COMMAND_TIMEOUT_SECONDS = 5.0
"""A command that Redis does not answer within this time is taken for lost."""

TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


class RedisAddress(msgspec.Struct, frozen=True):
    """One Redis database; shown and logged without its password."""

    host: str = "localhost"
    port: int = 6379
    database: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    """Certificates (PEM) that vouch for Redis; None: those that the system trusts."""

    def __str__(self) -> str:
        """Return `host:port`, with the database where it is not the first."""
        return f"{self.host}:{self.port}" + (f"/{self.database}" if self.database else "")

    def __repr__(self) -> str:
        """Return the same with the class: no password."""
        return f"RedisAddress({self})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RedisAddress":
        """Read REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS and REDIS_CA.

        Raises:
            ValueError: One of them is wrong; the text names it.
        """
        return cls(
            host=environment.get("REDIS_HOST") or "localhost",
            port=_number(environment, "REDIS_PORT", 6379, most=65535),
            database=_number(environment, "REDIS_DB", 0, least=0, most=2**31 - 1),
            username=environment.get("REDIS_USERNAME") or None,
            password=environment.get("REDIS_PASSWORD") or None,
            tls=_truth(environment, "REDIS_TLS"),
            ca=environment.get("REDIS_CA") or None,
        )

    @classmethod
    def from_url(cls, url: str) -> "RedisAddress":
        """Read `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.

        Raises:
            ValueError: It is no such URL.
        """
        parts: dict[str, Any] = dict(redis.connection.parse_url(url))  # type: ignore[no-untyped-call]
        if "path" in parts:
            raise ValueError(f"{url.partition('?')[0]} is a socket's path; give redis://host:port")
        database = urllib.parse.urlsplit(url).path.strip("/")
        if database and not database.isdecimal():
            raise ValueError(f"the database must be a number, not {database!r}: redis://host:port/0")
        return cls(
            host=parts.get("host") or "localhost",
            port=parts.get("port") or 6379,
            database=parts.get("db", 0),
            username=parts.get("username"),
            password=parts.get("password"),
            tls=url.startswith("rediss:"),
        )

    def connect(self, *, command_timeout: float | None = COMMAND_TIMEOUT_SECONDS) -> redis.asyncio.Redis:
        """Return an asyncio client; nothing is dialled before the first command.

        Every connection first asks what it has reached: half of a queue works on a Cluster or an old Redis.

        Nothing is retried beneath us: whether a script that got no answer may run again is the queue's
        matter.
        `command_timeout` None is for blocking commands.
        """
        return redis.asyncio.Redis(
            **self._options(),
            socket_timeout=command_timeout,
            retry=AsyncRetry(NoBackoff(), 0),
            redis_connect_func=_meet,
        )

    def connect_plain(self) -> redis.Redis:
        """Return a blocking client, safe to share between threads."""
        return redis.Redis(
            **self._options(),
            socket_timeout=COMMAND_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=_meet_plainly,  # type: ignore[arg-type]  # it is given the connection
        )

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


async def _meet(connection: redis.asyncio.Connection) -> None:
    """Greet as redis-py does, and refuse a server that cannot keep queues."""
    await connection.on_connect()
    await connection.send_command("INFO", "server")
    _judge(await connection.read_response())


def _meet_plainly(connection: redis.Connection) -> None:
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("INFO", "server")  # type: ignore[no-untyped-call]
    _judge(connection.read_response())


def _judge(info: bytes) -> None:
    if (why := refusal(read_info(info))) is not None:
        raise UnsupportedServer(why)


def _number(environment: Mapping[str, str], name: str, default: int, *, least: int = 1, most: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _truth(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in TRUTHS:
        raise ValueError(f"{name} must be true or false, not {text!r}")
    return TRUTHS[text]
