"""Whether a worker should end because its credentials are refused: its restart reads the Secrets' present values.

Pure: the time is an argument, in seconds of a monotonic clock. Each worker judges by the answers that it
gets itself. The kubelet restarts a container after 10 s, 20 s, ... up to 300 s, and starts again with 10 s once it has
run for ten minutes. So a new value of a wrong key or password is in use within about five and a half minutes.
"""

from collections.abc import Collection

from greenscale_jobs import AccessRefused, QueueUnavailable
from greenscale_worker.errors import EngineError

KEY = "OPENAI_API_KEY"

WRONG_SECONDS = 30.0
"""A key or a password that is refused for this long is read again."""

LIMITED_SECONDS = 600.0
"""A key that lacks credit or rights is read again later: if its owner adds them, a running worker notices sooner."""

READ_AGAIN_AFTER_SECONDS = {
    "Unauthorized": WRONG_SECONDS,
    "NoKey": WRONG_SECONDS,
    "NoCredit": LIMITED_SECONDS,
    "Forbidden": LIMITED_SECONDS,
}
"""How long a refusal lasts before the key is read again, by its reason: those that another key may end."""


class KeyRefusals:
    """For how long the engine has refused the key, without an answer in between."""

    def __init__(self, read_again: Collection[str]) -> None:
        self._helps = KEY in read_again
        self._since = float("-inf")
        self._last: EngineError | None = None

    def note(self, error: EngineError, now: float, *, trouble_since: float) -> None:
        """Note that the engine answers nothing, since `trouble_since`, and its latest refusal."""
        self._last = error
        if self._since < trouble_since and error.reason in READ_AGAIN_AFTER_SECONDS:
            self._since = now

    def lasting(self, now: float, *, trouble_since: float | None) -> str | None:
        """Return the refusal if the key should be read again, as a sentence. `trouble_since` None: it answers."""
        if not self._helps or self._last is None or trouble_since is None or self._since < trouble_since:
            return None
        after = READ_AGAIN_AFTER_SECONDS.get(self._last.reason)
        return self._last.message if after is not None and now - self._since >= after else None


class AccessRefusals:
    """For how long Redis has refused this worker, without an answer in between."""

    def __init__(self, read_again: Collection[str]) -> None:
        self._read_again = read_again
        self._since: float | None = None
        self._last: QueueUnavailable | None = None

    def note(self, error: QueueUnavailable, now: float) -> None:
        """Note that Redis could not be used, and why."""
        self._last = error
        if self._since is None and isinstance(error, AccessRefused):
            self._since = now

    def answered(self) -> None:
        """Note that Redis answered."""
        self._since = None

    def lasting(self, now: float) -> str | None:
        """Return the refusal if the password or the certificate should be read again, as a sentence."""
        if self._since is None or now - self._since < WRONG_SECONDS:
            return None
        helps = isinstance(self._last, AccessRefused) and self._last.variable in self._read_again
        return str(self._last) if helps else None
