"""The keys of one queue in Redis.

Pure. The Lua scripts build the same names from the list's name (`lua/shared/`).
"""

import re

import msgspec

DEFAULT_LIST = "jobs"
"""The list of the sample workload. A workload that names no list gets its own (`own_list`)."""

WORKLOADS = "greenscale:workloads"
"""Hash: `<namespace>/<name>` -> the last `WorkloadStatus`, so the page needs no access to Kubernetes."""

RESOURCES = "greenscale:resources"
"""Hash: `<namespace>/<name>` -> what was applied and what came of it, as `Resource`, without secrets."""


def own_list(namespace: str, name: str) -> str:
    """Return the list of a workload that names none; the braces keep its keys in one Cluster slot."""
    return f"greenscale:{{{namespace}/{name}}}"


class Keys(msgspec.Struct, frozen=True):
    """The keys of the queue whose list is `list_name`."""

    list_name: str = DEFAULT_LIST

    @property
    def claiming(self) -> str:
        """List: where a blocking claim lands until the claim script has leased it."""
        return f"{self.list_name}:claiming"

    @property
    def inflight(self) -> str:
        """Sorted set: job id -> when its lease ends (Unix seconds). KEDA counts it."""
        return f"{self.list_name}:inflight"

    @property
    def delayed(self) -> str:
        """Sorted set: job id -> when it is due, a retry or submitted for later (Unix seconds)."""
        return f"{self.list_name}:delayed"

    @property
    def dead(self) -> str:
        """List: jobs that failed for good, one JSON object each with id, reason and message."""
        return f"{self.list_name}:dead"

    @property
    def done(self) -> str:
        """Sorted set: ids of done and cancelled jobs -> when they expire, the newest last."""
        return f"{self.list_name}:done"

    @property
    def config(self) -> str:
        """Hash: the settings that producers and workers share: `maxLength`, `resultTTLSeconds`, `paused`."""
        return f"{self.list_name}:config"

    @property
    def stats(self) -> str:
        """Hash: counters since the queue was created, and the engine's present problem."""
        return f"{self.list_name}:stats"

    @property
    def history(self) -> str:
        """Stream: samples for charts; old ones are dropped."""
        return f"{self.list_name}:history"

    @property
    def starts(self) -> str:
        """Stream: how long the last starts from zero took, in seconds."""
        return f"{self.list_name}:starts"

    @property
    def workers(self) -> str:
        """Sorted set: name of each live worker -> until when it counts as alive (Unix seconds). KEDA counts it."""
        return f"{self.list_name}:workers"

    def job(self, job_id: str) -> str:
        """Hash: the job's record."""
        return f"{self.list_name}:job:{job_id}"

    def events(self, job_id: str) -> str:
        """Stream: what happens to the job, and its answer as it is written."""
        return f"{self.list_name}:events:{job_id}"

    @property
    def types(self) -> dict[str, str]:
        """Every key that the queue has once, and its Redis type."""
        return {
            self.list_name: "list",
            self.claiming: "list",
            self.inflight: "zset",
            self.delayed: "zset",
            self.dead: "list",
            self.done: "zset",
            self.config: "hash",
            self.stats: "hash",
            self.history: "stream",
            self.starts: "stream",
            self.workers: "zset",
        }

    def types_of_job(self, job_id: str) -> dict[str, str]:
        """Every key that a job has, and its type."""
        return {self.job(job_id): "hash", self.events(job_id): "stream"}

    @property
    def job_patterns(self) -> tuple[str, ...]:
        """The SCAN patterns for the keys of all jobs."""
        escaped = Keys(re.sub(r"([*?\[\]\\])", r"\\\1", self.list_name))
        return escaped.job("*"), escaped.events("*")
