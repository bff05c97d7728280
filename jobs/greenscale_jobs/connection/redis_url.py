"""Reads `redis://[user:password@]host[:port][/database]`.

The texts of errors continue the name of what has the URL; they contain no piece that may be its password.
"""

import urllib.parse
from pathlib import Path
from typing import Any

PARAMETERS = ("db", "ssl_ca_certs")
"""What may follow the `?`; GreenScale itself sets the others that redis-py knows."""

FORM = (
    "must be redis://[user:password@]host[:port][/database], or rediss:// for TLS; a special character in the password "
    "is written as % and its number: %40 for @"
)


def url_parts(url: str) -> dict[str, Any]:
    """Return the fields of a RedisAddress that the URL sets; `host` is always one, `tls` only where it is true.

    Raises:
        ValueError: It is not such a URL.
    """
    parts = _split(url)
    query = _query(parts.query)
    database = query.get("db", "")
    if path := parts.path.strip("/"):
        if database and database != path:
            raise ValueError("names two databases, one behind the host and one in ?db=")
        database = path
    if database and not (database.isascii() and database.isdecimal()):
        raise ValueError(f"ends with the database, which must be a number, not {database!r}: redis://host:port/0")
    found: dict[str, Any] = {
        "host": urllib.parse.unquote(parts.hostname or "") or "localhost",
        "port": parts.port,
        "database": int(database) if database else None,
        "username": urllib.parse.unquote(parts.username or "") or None,
        "password": urllib.parse.unquote(parts.password or "") or None,
        "tls": True if parts.scheme == "rediss" else None,
        "ca": _certificates(query["ssl_ca_certs"]) if "ssl_ca_certs" in query else None,
    }
    if found["ca"] and not found["tls"]:
        raise ValueError("has ssl_ca_certs, which is for TLS: write rediss://")
    return {field: value for field, value in found.items() if value is not None}


def _split(url: str) -> urllib.parse.SplitResult:
    """Split it, or refuse it without quoting it."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        port = parts.port
        urllib.parse.unquote(parts.hostname or "").encode("idna")
    except ValueError:  # what cannot be encoded cannot be looked up: UnicodeError is one
        raise ValueError(FORM) from None
    # A password with a #, a ? or a / in it ends the host too early: what follows is a piece of it.
    cut = parts.fragment or "@" in parts.path + parts.query
    if parts.scheme not in {"redis", "rediss"} or port == 0 or cut or not url.strip().isprintable():
        raise ValueError(FORM)
    return parts


def _query(text: str) -> dict[str, str]:
    pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
    unknown = [name for name, _ in pairs if name not in PARAMETERS]
    if unknown:
        raise ValueError(
            f"has the unknown parameter {', '.join(unknown)}: known are {' and '.join(PARAMETERS)}; for TLS "
            "write rediss://, with the certificate in ssl_ca_certs (a file) or REDIS_CA (its text)"
        )
    return dict(pairs)


def _certificates(path: str) -> str:
    try:
        text = Path(path).read_text()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise ValueError(f"names a file in ssl_ca_certs that cannot be read: {path}: {why}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(f"names a file in ssl_ca_certs that has no certificate in PEM: {path}")
    return text
