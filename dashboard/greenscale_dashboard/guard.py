"""Who may see the page, and who may change anything.

Pure: `access` asks the viewer, `settings` reads the configuration.
"""

import dataclasses
import enum
import hashlib
import hmac
import ipaddress
import threading
from collections import deque
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

MAX_ATTEMPTS, ATTEMPTS_SECONDS = 10, 60.0
"""How many wrong passwords are accepted in this time, from all viewers together: a viewer's address can be forged."""


MIN_PASSWORD_CHARS = 12
"""What is shorter is guessed, however slowly."""


class Role(enum.Enum):
    """What a viewer may do."""

    READER = "reader"
    """Sees everything, changes nothing."""
    USER = "user"
    """Sends, cancels and retries too."""


class TooManyAttempts(Exception):
    """No password is checked now; the text says when the next one is."""


@dataclasses.dataclass(frozen=True)
class Guard:
    """Who may do what; its values are never shown."""

    password: str | None = dataclasses.field(default=None, repr=False)
    readonly_password: str | None = dataclasses.field(default=None, repr=False)
    users: tuple[str, ...] = ()
    """E-mail addresses that may change things, or patterns such as `*@example.org`."""
    readers: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Guard":
        """Read GREENSCALE_PAGE_PASSWORD, _READONLY_PASSWORD (each or its _FILE), _USERS and _READERS.

        Raises:
            ValueError: One of them is wrong; the text names it.
        """
        password = _secret(environment, "GREENSCALE_PAGE_PASSWORD")
        readonly = _secret(environment, "GREENSCALE_PAGE_READONLY_PASSWORD")
        if password and password == readonly:
            raise ValueError("GREENSCALE_PAGE_PASSWORD and GREENSCALE_PAGE_READONLY_PASSWORD must differ")
        return cls(
            password,
            readonly,
            _addresses(environment, "GREENSCALE_PAGE_USERS"),
            _addresses(environment, "GREENSCALE_PAGE_READERS"),
        )

    @property
    def names_accounts(self) -> bool:
        """Whether anybody who logs in at a provider is admitted."""
        return bool(self.users or self.readers)

    @property
    def asks(self) -> bool:
        """Whether there is a password to ask for."""
        return bool(self.password or self.readonly_password)

    def of_password(self, given: str) -> Role | None:
        """Return the role that a password gives, in a time that reveals nothing about it."""
        user, reader = _same(given, self.password), _same(given, self.readonly_password)
        return Role.USER if user else Role.READER if reader else None

    def of_account(self, email: str) -> Role | None:
        """Return the role of somebody who logged in at the provider: only who is listed has one."""
        if _listed(email, self.users):
            return Role.USER
        return Role.READER if _listed(email, self.readers) else None


class Attempts:
    """Counts wrong passwords. Safe to share between threads."""

    def __init__(self) -> None:
        self._wrong: deque[float] = deque()
        self._lock = threading.Lock()

    def check(self, role_of: Callable[[], Role | None], *, now: float) -> Role | None:
        """Return what `role_of` returns for a password; `now` is in seconds of any clock.

        Raises:
            TooManyAttempts: Too many passwords were wrong lately; this one was not checked.
        """
        with self._lock:
            while self._wrong and now - self._wrong[0] >= ATTEMPTS_SECONDS:
                self._wrong.popleft()
            if len(self._wrong) >= MAX_ATTEMPTS:
                wait = ATTEMPTS_SECONDS - (now - self._wrong[0])
                raise TooManyAttempts(f"Too many wrong passwords. Try again in {wait:.0f} s.")
            role = role_of()
            if role is None:
                self._wrong.append(now)
            return role


def on_loopback(address: str | None) -> bool:
    """Return whether only this machine can reach a server that listens on this address; None means every address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _same(given: str, expected: str | None) -> bool:
    """Compare hashes: their length reveals nothing about the password's."""
    one, other = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, expected or ""))
    return hmac.compare_digest(one, other) and bool(expected)


def _secret(environment: Mapping[str, str], name: str) -> str | None:
    if (file := environment.get(f"{name}_FILE")) and not environment.get(name):
        try:
            secret = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{name}_FILE cannot be read: {file}: {error}") from None
        if not secret:
            raise ValueError(f"{name}_FILE is empty: {file}")
        return _long_enough(secret, f"{name}_FILE")
    return _long_enough(environment.get(name) or None, name)


def _long_enough(secret: str | None, name: str) -> str | None:
    if secret is not None and len(secret) < MIN_PASSWORD_CHARS:
        raise ValueError(
            f"{name} has {len(secret)} characters; at least {MIN_PASSWORD_CHARS} are wanted. "
            "A good one: openssl rand -base64 18"
        )
    return secret


def _addresses(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(address.strip().lower() for address in environment.get(name, "").split(",") if address.strip())


def _listed(email: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(email.lower(), pattern) for pattern in patterns)
