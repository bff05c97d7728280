"""The errors of a queue, one for each thing that a caller does about it.

Errors of redis-py become these here and nowhere else; no message contains a prompt or a password.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from redis import exceptions

REDIS_ERRORS = (exceptions.RedisError, OSError, UnicodeError)
"""What redis-py raises; UnicodeError where a host's name cannot be one."""


class QueueError(Exception):
    """The request is not known to have been carried out; nothing is half done."""


class QueueUnavailable(QueueError):
    """Redis cannot be used now: the same call may work later. The text names the remedy.

    If only the answer was lost, the request has been carried out.
    """


class AccessRefused(QueueUnavailable):
    """Redis refuses the password, or its certificate is not trusted; `variable`: the environment variable to set."""

    def __init__(self, text: str, *, variable: str) -> None:
        super().__init__(text)
        self.variable = variable


class QueueDamaged(QueueUnavailable):
    """A key of this queue has a foreign type; the text names it. Nothing is lost, and other queues are not affected."""


class JobRefusedByRedis(QueueError):
    """Redis refuses the data of this one job as too large: trying again does not help; other jobs are not affected."""


class QueueFull(QueueError):
    """`maxLength` jobs wait already; nothing was submitted. Wait for the workers, or raise it."""


class DuplicateJob(QueueError):
    """A job with this id exists already; nothing was submitted."""


class KeyReused(QueueError):
    """The idempotency key stands for another prompt, other parameters or another history; nothing was submitted."""


class UnknownJob(QueueError):
    """No job has this id: it never existed, or its result has expired."""


class SearchTooLong(QueueError):
    """The text to search for is too long."""


class UnsupportedServer(exceptions.RedisError):
    """The server cannot keep queues; the text continues "Redis at host:port"."""


class HungUp(exceptions.ConnectionError):
    """The connection was closed before its first answer: a TLS server does so when a client connects without TLS."""


NO_HANDSHAKE = "no TLS handshake in time"
"""The server did not answer the TLS handshake: one without TLS waits for more."""


def demoted(replies: Iterable[object]) -> bool:
    """Return whether an error among these says that the primary is a replica now: its name may mean another server."""
    return any(
        isinstance(error, exceptions.ReadOnlyError) or any(word in str(error) for word in DEMOTED)
        for error in replies
        if isinstance(error, Exception)
    )


DEMOTED = ("READONLY", "UNBLOCKED")
"""How a replica refuses to write, and how it ends the commands that were waiting when it became one."""

FOREIGN_TYPE = "WRONGTYPE"
"""How Redis refuses a command on a key of another type, in a script too."""


def damage(address: str, types: Mapping[str, str], found: Sequence[bytes]) -> QueueDamaged:
    """Say which key of a queue has a foreign type.

    `types`: each key and the type it should have; `found`: the types they have, in that order; none if TYPE is denied.
    """
    wrong = [
        f"{key} is a {actual.decode()}, not a {expected}"
        for (key, expected), actual in zip(types.items(), found, strict=False)
        if actual.decode() not in {expected, "none"}
    ]
    which = "; ".join(wrong) or f"the command TYPE shows which: {', '.join(types)}"
    return QueueDamaged(
        f"Redis at {address} holds something else under a name of this queue ({which}). Rename that key: "
        "the queue then continues, nothing is lost."
    )


MEANINGS: tuple[tuple[tuple[type[Exception], ...], tuple[str, ...], str], ...] = (
    # Error classes, words in the error's text (in a script, Redis 6.2 has only one class), and what either means.
    ((UnicodeError,), (), "{address} cannot be looked up: REDIS_HOST must be a host's name or address."),
    ((UnsupportedServer,), (), "Redis at {address} {why}."),
    (
        (),
        ("called without any password configured", "no password is set"),
        "Redis at {address} has no password: leave REDIS_PASSWORD empty, or set its requirepass.",
    ),
    (
        (),
        ("NOAUTH", "HELLO must be called", "Authentication required"),
        "Redis at {address} asks for a password. Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for.",
    ),
    (
        (),
        ("DENIED", "protected mode"),
        (
            "Redis at {address} is in protected mode: it serves only its own machine until it has a password. Set its "
            "requirepass, and REDIS_PASSWORD here."
        ),
    ),
    (
        (),
        ("WRONGPASS", "invalid username-password pair", "invalid password"),
        "Redis at {address} refuses us: {why}. Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for.",
    ),
    (
        (exceptions.NoPermissionError,),
        ("NOPERM", "ACL failure", "The user executing the script"),
        "Redis at {address} refuses us: {why}. Grant its user that right: docs/redis.md lists them.",
    ),
    (
        (exceptions.MaxConnectionsError,),
        ("max number of clients", "max clients reached"),
        "Redis at {address} has as many clients as it takes. Raise its maxclients, or end clients that are not needed.",
    ),
    (
        (exceptions.AuthenticationError,),
        (),
        "Redis at {address} refuses us: {why}. Set REDIS_PASSWORD (and REDIS_USERNAME) to what it asks for.",
    ),
    (
        (exceptions.OutOfMemoryError,),
        ("OOM",),
        (
            "Redis at {address} is full (its maxmemory is reached). Raise maxmemory, or let results "
            "expire sooner (resultTTLSeconds); running jobs still finish."
        ),
    ),
    (
        (),
        ("MISCONF",),
        (
            "Redis at {address} cannot write its data to disk, so it refuses every change. Look at its disk (is it "
            "full?) and its log; it goes on by itself once a write succeeds."
        ),
    ),
    (
        (),
        ("NOREPLICAS",),
        (
            "Redis at {address} has fewer replicas than min-replicas-to-write asks for, so it refuses every change. "
            "Bring them back, or lower that number."
        ),
    ),
    (
        (exceptions.MasterDownError,),
        ("MASTERDOWN", "Link with MASTER is down"),
        "Redis at {address} is a replica that has lost its primary: point REDIS_HOST to the primary.",
    ),
    ((exceptions.ReadOnlyError,), DEMOTED, "Redis at {address} is a replica: point REDIS_HOST to the primary."),
    (
        (exceptions.ClusterError, exceptions.ClusterDownError, exceptions.MovedError, exceptions.AskError),
        ("CLUSTERDOWN", "CROSSSLOT", "MOVED ", "SELECT is not allowed in cluster mode"),
        "Redis at {address} belongs to a Redis Cluster, which is not supported: use a single primary.",
    ),
    (
        (exceptions.BusyLoadingError,),
        ("LOADING", "is loading the dataset"),
        "Redis at {address} is still loading its data: it answers when that is done.",
    ),
    (
        (),
        ("BUSY Redis", "Redis is busy running a script", "busy running a", "BUSY "),
        (
            "Redis at {address} is busy with a script of another client, and answers when that ends. "
            "`redis-cli SCRIPT KILL` ends one that has written nothing."
        ),
    ),
    (
        (),
        ("index is out of range", "invalid DB index"),
        "Redis at {address} has no such database: REDIS_DB must be below its `databases`, 16 by default.",
    ),
    (
        (),
        ("unknown command",),
        (
            "Redis at {address} lacks a command that queues need ({why}): "
            "use Redis 6.2 or newer, or Valkey, with no proxy before it that withholds commands."
        ),
    ),
    (
        (),
        ("SSL",),
        (
            "TLS with Redis at {address} fails ({why}). REDIS_CA must hold the certificate that vouches for it, "
            "REDIS_HOST be a name in its certificate, and REDIS_TLS be set only where it speaks TLS."
        ),
    ),
    (
        (exceptions.InvalidResponse,),
        ("Protocol error", "Protocol Error"),
        (
            "What answers at {address} does not speak Redis' protocol. Is it Redis, are REDIS_HOST and REDIS_PORT "
            "right, and if it speaks TLS, is REDIS_TLS true?"
        ),
    ),
    (
        (HungUp,),
        (),
        (
            "Redis at {address} does not answer ({why}). It closed the connection before its first answer: is it "
            "Redis, and if it speaks TLS, is REDIS_TLS true?"
        ),
    ),
    (
        (),
        (NO_HANDSHAKE,),
        (
            "Redis at {address} does not answer ({why}). Is it running, are REDIS_HOST and REDIS_PORT right, and does "
            "it speak TLS, as REDIS_TLS says?"
        ),
    ),
    (
        (exceptions.ConnectionError, exceptions.TimeoutError, OSError),
        (),
        "Redis at {address} does not answer ({why}). Is it running, and are REDIS_HOST and REDIS_PORT right?",
    ),
    ((Exception,), (), "Redis at {address} answered: {why}."),
)

TOO_LARGE = (
    "exceeds maximum allowed size",
    "invalid bulk length",
    "invalid multibulk length",
    "too big mbulk count",
    "too big bulk count",
)
"""How Redis refuses one value or one command for its size (proto-max-bulk-len, 512 MiB by default)."""

IN_A_SCRIPT = re.compile(r"^(?:ERR )?Error running script \(call to \w+\): @\w+:\s*\d+: (?:@\w+:\s*\d+: )?-?")
"""What Redis 6.2 puts before an error that a command met in a script; newer ones put as much behind it."""

BEHIND = re.compile(r" script: [0-9a-f]{40}, on @\w+:\d+\.?$")


def translate(error: Exception, address: str) -> QueueError:
    """Say what `error` means for somebody who talks to the Redis at `address`."""
    reason = BEHIND.sub("", IN_A_SCRIPT.sub("", str(error).strip()))
    if any(word in reason for word in TOO_LARGE):
        return JobRefusedByRedis(
            f"Redis at {address} refuses a value of this job: it is larger than proto-max-bulk-len allows "
            f"({_first_line(reason)})."
        )
    meaning = next(
        sentence
        for classes, words, sentence in MEANINGS
        if isinstance(error, classes) or any(word in reason for word in words)
    )
    text = meaning.format(address=address, why=_first_line(reason))
    variable = next((name for name in ("REDIS_PASSWORD", "REDIS_CA") if name in meaning), None)
    return AccessRefused(text, variable=variable) if variable else QueueUnavailable(text)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")[:200] or "no reason given"
