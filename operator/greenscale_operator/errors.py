"""What can go wrong between us and the cluster, by what comes of it.

`cluster` translates the API's errors into these; no other module knows an HTTP status.
"""

SERVER_ERROR = 500
"""The first status that is an error of the API server's own."""


class ClusterError(Exception):
    """The API server did not do what was asked. `reason` is for a condition, the text a sentence with the remedy."""

    reason = "ClusterError"
    retry_seconds: float = 60.0
    """When to try again; what a person must fix is tried seldom."""


class Passing(ClusterError):
    """Nothing is known to be wrong: the same request may well succeed later, so it is not reported."""

    retry_seconds = 2.0


class Lasting(ClusterError):
    """It will stay so until somebody fixes it; the text says what."""


class Unavailable(Passing):
    """It did not answer, or is busy. `status` is what it answered, if it did."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_answered(self) -> bool:
        """Whether the API server answered, with an error of its own."""
        return self.status is not None and self.status >= SERVER_ERROR


class Forbidden(Lasting):
    """Our ServiceAccount may not."""

    reason = "Forbidden"


class Rejected(Lasting):
    """The object is refused, by the schema or by an admission webhook."""

    reason = "Rejected"


class QuotaExceeded(Rejected):
    """A ResourceQuota has nothing left for the object."""

    reason = "QuotaExceeded"


class KindMissing(Lasting):
    """The cluster does not know this kind: its CRD is not installed."""

    retry_seconds = 15.0

    def __init__(self, message: str, reason: str = "KindMissing") -> None:
        super().__init__(message)
        self.reason = reason


class NameConflict(Lasting):
    """An object of that name exists and is not ours: it is left alone."""

    reason = "NameConflict"


class Lingering(Lasting):
    """An object of ours is being deleted and does not go: somebody's finalizer holds it."""

    reason = "BeingDeleted"
    retry_seconds = 15.0


class SecretMissing(Lasting):
    """A Secret or a key in it that the workload refers to does not exist."""

    reason = "SecretMissing"
    retry_seconds = 15.0


class Gone(Passing):
    """The object was deleted, or deleted and recreated, while we worked on it: read it again."""
