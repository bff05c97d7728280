"""What can go wrong with a queue, by what the caller does about it.

`redis` errors become these here and nowhere else; no message bears a prompt or a password.
"""

import redis.exceptions as theirs

THEIRS = (theirs.RedisError, OSError, UnicodeError)
"""What redis-py raises; UnicodeError where a host's name cannot be one."""


class QueueError(Exception):
    """The queue did not do what was asked; nothing was half done."""


class QueueUnavailable(QueueError):
    """Redis cannot be used now: the same call may work later. The text names the remedy."""


class QueueFull(QueueError):
    """The queue has its `maxLength`; nothing was submitted. Wait for the workers, or raise it."""


class DuplicateJob(QueueError):
    """A job with this id exists already; nothing was submitted."""


class UnknownJob(QueueError):
    """No job has this id: it never existed, or its result has expired."""


def translate(error: theirs.RedisError | OSError | UnicodeError, address: str) -> QueueError:
    """Say what `error` means for somebody who talks to the Redis at `address`."""
    text = str(error)
    if isinstance(error, UnicodeError):
        return QueueUnavailable(f"{address} cannot be looked up: REDIS_HOST must be a host's name or address.")
    if "NOAUTH" in text or "HELLO must be called" in text:
        return QueueUnavailable(
            f"Redis at {address} asks for a password. Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for."
        )
    if isinstance(error, theirs.AuthenticationError | theirs.NoPermissionError):
        return QueueUnavailable(
            f"Redis at {address} refuses us: {_first_line(text)}. "
            "Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for."
        )
    if isinstance(error, theirs.OutOfMemoryError) or "OOM" in text:
        return QueueUnavailable(
            f"Redis at {address} is full (its maxmemory is reached). Raise maxmemory, or let results "
            "expire sooner (resultTTLSeconds); running jobs still finish."
        )
    if isinstance(error, theirs.ReadOnlyError):
        return QueueUnavailable(f"Redis at {address} is a replica: point REDIS_HOST to the primary.")
    if isinstance(error, theirs.ConnectionError | theirs.TimeoutError | OSError):
        return QueueUnavailable(
            f"Redis at {address} does not answer ({_first_line(text)}). "
            "Is it running, and are REDIS_HOST and REDIS_PORT right?"
        )
    return QueueUnavailable(f"Redis at {address} answered: {_first_line(text)}")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")[:200] or "no reason given"
