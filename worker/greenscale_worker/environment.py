"""What people write into environment variables, and what is wrong with it.

Pure, but for `certificate_problems`, which reads files. A text that is returned names the variable and the remedy. It
never quotes a key, a password or a URL, which may hold both.
"""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

OPENAI_URL = "https://api.openai.com/v1"
"""The address that the `openai` package uses by default."""

EDGES = " \t\r\n\v\f\0\u00a0\ufeff\u200b\u2060\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
"""What editors, shells and Secrets leave around a value: blanks, line breaks, a byte order mark, quotes."""

PROXY_SCHEMES = {"http", "https"}
SOCKS_SCHEMES = {"socks", "socks4", "socks4a", "socks5", "socks5h"}


class Proxy(msgspec.Struct, frozen=True):
    """A proxy, and the variable that names it."""

    variable: str
    url: str

    def __repr__(self) -> str:
        """Return the variable alone: the URL may hold a password."""
        return f"Proxy({self.variable})"


def without_edges(secret: str) -> str:
    """Return a secret without what surrounds it: no blanks, line breaks, byte order mark or quotes around it."""
    return secret.strip(EDGES)


def key_problem(key: str) -> str | None:
    """Return why this cannot be sent as a key, as a clause."""
    if not key.isascii():
        return "has characters in it that are not ASCII: copy the key again"
    if not key.isprintable():
        return "has a line break or a control character in it: copy the key again"
    return None


def url_problem(url: str, *, base: bool = True) -> str | None:
    """Return why this is not the address of an engine, as a clause; `base`: paths are appended to it."""
    if not url.isprintable() or " " in url:
        return "has a blank or a line break in it: remove it"
    parts = _split(url)
    if parts is None:
        return "is not a valid URL: write http://host:port/v1"
    if parts.scheme not in {"http", "https"}:
        return "must begin with http:// or https://"
    if not parts.hostname:
        return "names no host: write http://host:port/v1"
    if "@" in parts.netloc:
        return "has a user or a password in it: remove it, and give the key as OPENAI_API_KEY"
    if base and (parts.query or parts.fragment or url.endswith(("?", "#"))):
        return "has a query (?...) in it: remove it; at Azure use the address that ends in /openai/v1"
    if base and parts.path.rstrip("/").endswith("/chat/completions"):
        return "must not end in /chat/completions: remove that, it is appended"
    return None


def certificate_problems(environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with SSL_CERT_FILE and SSL_CERT_DIR."""
    problems = []
    file, folder = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except OSError:  # ssl.SSLError is one
            problems.append("SSL_CERT_FILE names a file without certificates that can be read: correct or unset it")
    if folder and not all(Path(part).is_dir() for part in folder.split(":")):
        problems.append("SSL_CERT_DIR names a folder that does not exist: correct or unset it")
    return problems


def proxy_problems(environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the variables that name a proxy."""
    return [
        f"{name} is not the address of a proxy: write http://host:port, or unset it"
        for name in _proxy_variables("http", "https")
        if environment.get(name) and _proxy_url(environment[name], PROXY_SCHEMES | SOCKS_SCHEMES) is None
    ]


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that the environment names for an address; None for this machine itself.

    Raises:
        ValueError: It is a SOCKS proxy, which the engine cannot use; the text names the variable.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _is_excepted(
        host, parts.port, environment.get("no_proxy") or environment.get("NO_PROXY", "")
    ):
        return None
    for name in _proxy_variables(parts.scheme):
        if value := environment.get(name):
            usable = _proxy_url(value, PROXY_SCHEMES)
            if usable is None:
                raise ValueError(f"{name} is not an HTTP proxy: write http://host:port, or name the engine in NO_PROXY")
            return Proxy(name, usable)
    return None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine (or this pod) itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Return whether NO_PROXY names the host: `*`, a name (with all below it), an address or a network."""
    address = _address(host)
    for entry in re.split(r"[,\s]+", exceptions.lower()):
        name, _, its_port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
        if its_port and its_port != str(port):
            continue
        name = name.removeprefix("*").strip(".[]")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
        if address is not None and "/" in entry and _within(address, entry):
            return True
    return False


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _proxy_variables(*schemes: str) -> list[str]:
    names = [f"{scheme}_proxy" for scheme in (*schemes, "all")]
    return [variable for name in names for variable in (name, name.upper())]


def _proxy_url(value: str, schemes: set[str]) -> str | None:
    url = value if "://" in value else f"http://{value}"
    parts = _split(url)
    usable = parts is not None and parts.scheme in schemes and parts.hostname
    return url if usable and url.isprintable() and " " not in url else None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is not a number
    except ValueError:
        return None
    return parts
