"""What happens in a worker: each event is a method of the observer, with what is known of it.

The log is the only sink now; metrics and spans would hang on the same methods. No event has a prompt, an answer or a
key in it.
"""

from collections.abc import Iterable

from greenscale_jobs import Claim, Maintained, RedisAddress
from greenscale_worker.errors import EngineError
from greenscale_worker.logs import Log

IGNORED = (
    "this worker does not know them; if the operator set them, it is newer: set spec.worker.image to its version, "
    "or remove it"
)


class Observer:
    """Receives the events of one worker and writes them to its log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def flush(self) -> None:
        """Write what waits to be written."""
        self._log.flush()

    # The worker.

    def settings_ignored(self, names: Iterable[str]) -> None:
        """Note that this worker does not know these settings."""
        self._log.warning("settings_ignored", names=", ".join(names), why=IGNORED)

    def started(self, *, queue: str, redis: RedisAddress, engine: str, concurrency: int) -> None:
        """Note that the worker runs, and waits for its engine."""
        self._log.info("started", queue=queue, redis=redis, engine=engine, concurrency=concurrency)

    def stopping(self, *, running: int, grace_seconds: float) -> None:
        """Note that the worker claims no more, and finishes what runs."""
        self._log.info("stopping", running=running, grace_seconds=grace_seconds)

    def drain_incomplete(self, error: Exception, *, jobs: int) -> None:
        """Note that these jobs could not be released: they return when their leases expire."""
        self._log.warning("drain_incomplete", jobs=jobs, why=error)

    def stopped(self) -> None:
        """Note that the worker holds nothing any more."""
        self._log.info("stopped")

    def not_counted(self, error: Exception) -> None:
        """Note that the worker cannot register as alive."""
        self._log.warning("not_counted", why=error)

    def maintained(self, moved: Maintained) -> None:
        """Note that maintenance moved jobs."""
        self._log.info("maintained", stranded=moved.stranded, expired=moved.expired, due=moved.due, dead=moved.dead)

    def library_log(self, level: str, *, library: str, message: str, error: str | None) -> None:
        """Note that a library logged something; may be called from any thread."""
        fields = {"library": library, "message": message, **({"error": error} if error else {})}
        self._log.write_now(level, "library_log", **fields)

    # Redis.

    def redis_unavailable(self, error: Exception, *, for_seconds: float) -> None:
        """Note that Redis does not answer; each new reason is an event, and a lasting outage is repeated."""
        self._log.error("redis_unavailable", why=error, for_seconds=round(for_seconds, 1))

    def redis_available(self, *, after_seconds: float) -> None:
        """Note that Redis answers again."""
        self._log.info("redis_available", after_seconds=round(after_seconds, 1))

    def jobs_may_be_lost(self, why: str) -> None:
        """Note that Redis is set up in a way that can lose jobs."""
        self._log.warning("jobs_may_be_lost", why=why)

    # The engine.

    def engine_not_ready(self, error: EngineError) -> None:
        """Note that the engine did not become ready; the worker ends."""
        self._log.error("engine_not_ready", reason=error.reason, message=error.message)

    def engine_unavailable(self, error: EngineError, *, next_try_seconds: float) -> None:
        """Note that the engine takes no jobs now: claims slow down, and one job at a time is tried."""
        self._log.error(
            "engine_unavailable",
            reason=error.reason,
            message=error.message,
            next_try_seconds=round(next_try_seconds, 1),
        )

    # A job.

    def claimed(self, claim: Claim) -> None:
        """Note that the worker holds the job."""
        self._log.info("claimed", job=claim.id, attempt=claim.attempt)

    def emit_refused(self, error: Exception) -> None:
        """Note that Redis refuses pieces of answers: whoever watches sees less, but the whole answer is stored."""
        self._log.warning("emit_refused", why=error)

    def done(self, claim: Claim, *, seconds: float) -> None:
        """Note that the answer is stored."""
        self._log.info("done", job=claim.id, attempt=claim.attempt, seconds=round(seconds, 3))

    def lost(self, claim: Claim, *, seconds: float) -> None:
        """Note that the lease ran out: the job is another worker's now, or was cancelled."""
        self._log.warning("lost", job=claim.id, attempt=claim.attempt, seconds=round(seconds, 3))

    def released(self, claim: Claim, *, state: str) -> None:
        """Note that the job was stopped before its end; `state` is its new one, `waiting` if it is to run again."""
        event = "released" if state == "waiting" else state
        self._log.info(event, job=claim.id, attempt=claim.attempt)

    def failed(self, claim: Claim, error: EngineError, *, state: str) -> None:
        """Note that an attempt brought no answer; `state` is the new one of the job."""
        self._log.warning(
            "failed", job=claim.id, attempt=claim.attempt, reason=error.reason, message=error.message, state=state
        )
