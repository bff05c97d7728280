"""How long starts from zero take.

Pure: the clock is the caller's.
"""

import dataclasses

from greenscale_jobs.workloads import Stats


@dataclasses.dataclass
class WakeTracker:
    """Follows one workload from the decision to have a worker to the first claim; times are Unix seconds."""

    waking_since: float | None = None
    """When the start from zero began that goes on."""
    replicas: int | None = None
    """What was wanted last; None where that is not known: workers that run already are not taken for a start."""
    _claims_before: int = 0

    def observe(self, replicas: int, stats: Stats | None, *, now: float) -> float | None:
        """Take note of how many workers are wanted; returns how many seconds a start took that is over now.

        One whose jobs are all cancelled, or whose worker is not wanted any more, ends without having taken any time.
        """
        if self.replicas == 0 and replicas > 0:
            self.waking_since, self._claims_before = now, stats.claims if stats else 0
        self.replicas = replicas
        if self.waking_since is None or stats is None:
            return None
        if stats.claims > self._claims_before:
            took, self.waking_since = now - self.waking_since, None
            return took
        if not stats.work or replicas == 0:
            self.waking_since = None
        return None
