"""What a container's status means: why it does not run, why it ended, and what its log said last.

Pure. Reasons are the kubelet's own where it has one.
"""

import re
from typing import Any

import msgspec

from greenscale_jobs.workloads import Problem
from greenscale_operator.facts import seconds
from greenscale_operator.redaction import redact

Body = dict[str, Any]

LIVED_SECONDS, LONG_SECONDS = 60.0, 600.0
"""A container that crashed counts as well once it has run for so long; a crash after a very long run is no loop."""

REPEATED = 2
"""Restarts after which a crash is more than an accident: a worker also ends by itself to read a renewed key."""

MAX_LINES, MAX_CHARACTERS = 3, 400
"""How much of a log's end is quoted."""

PULL, NOT_RUN = "ErrImagePull", "RunContainerError"

OOM = "OOMKilled"

NEVER_RAN = {"StartError", "ContainerCannotRun"}
"""How the runtime says that a container's command could not be run at all."""

REMEDIES = {
    PULL: "Correct the image's name, or give a Secret to pull it with (spec.worker.imagePullSecrets).",
    "InvalidImageName": "Correct the image's name.",
}
"""What to do about it, where that is more than to read the pod's events."""

STUCK = {
    PULL: "the image cannot be pulled",
    "InvalidImageName": "the image's name is not valid",
    "ErrImageNeverPull": "the image is not on the node, and imagePullPolicy is Never",
    "CreateContainerConfigError": "its configuration cannot be read",
    "CreateContainerError": "the container cannot be created",
    NOT_RUN: "the container cannot be started",
}
"""What the kubelet tries again and again, and what it means."""

ALTERNATES = {"ImagePullBackOff": PULL, "ErrImagePullBackOff": PULL, "ImageInspectError": PULL}
"""Reasons that take turns with another: one of them is reported, so that no condition flaps."""

SECRET = re.compile(r"secret \"?[\w.-]+\"? not found|couldn't find key \S+ in Secret", re.IGNORECASE)
"""How the kubelet says that a Secret, or a key in it, does not exist."""

SIGNALS = {137: "killed", 139: "it crashed by itself, SIGSEGV", 143: "ended by SIGTERM"}


class Container(msgspec.Struct, frozen=True):
    """One container of a pod: its spec and its status."""

    spec: Body
    status: Body
    pod: str
    """The pod's name."""
    namespace: str
    is_init: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.spec["name"]
        return name

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an init container that runs beside the others."""
        return self.is_init and self.spec.get("restartPolicy") == "Always"

    @property
    def ready(self) -> bool:
        """Whether its readiness probe succeeds."""
        return bool(self.status.get("ready"))

    @property
    def running_since(self) -> float | None:
        """When it started to run, in Unix seconds; None if it does not run."""
        return seconds(self._state("running").get("startedAt"))

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return "running" in self.status.get("state", {})

    @property
    def ended_at(self) -> float | None:
        """When it ended, in Unix seconds; None if it has not."""
        return seconds(self._state("terminated").get("finishedAt"))

    @property
    def has_ended(self) -> bool:
        """Whether it has ended at least once."""
        return "terminated" in self.status.get("state", {}) or self.status.get("restartCount", 0) > 0

    @property
    def waits(self) -> bool:
        """Whether it has not started, or is to start again."""
        return "waiting" in self.status.get("state", {})

    def _state(self, name: str) -> Body:
        state: Body = self.status.get("state", {}).get(name) or {}
        return state

    def problem(self, now: float) -> Problem | None:
        """Return what keeps it from running that will not mend itself."""
        return self._crash(now) or self._stuck()

    def _stuck(self) -> Problem | None:
        waiting = self._state("waiting")
        reason = ALTERNATES.get(waiting.get("reason", ""), waiting.get("reason", ""))
        if reason not in STUCK:
            return None
        message = waiting.get("message", "").strip() or self._how_it_ended(reason)
        # In its back-off the kubelet puts a sentence before the cause.
        message = message.partition(f"{PULL}: ")[2] or message
        if SECRET.search(message):
            sentence = f"{self._place()} needs a Secret that is missing: {message}. Create it"
            return Problem("SecretMissing", f"{sentence} in the namespace {self.namespace}.")
        return self._not_run(reason, message)

    def _not_run(self, reason: str, message: str) -> Problem:
        remedy = REMEDIES.get(reason, f"kubectl describe pod {self.pod} -n {self.namespace}")
        return Problem(reason, f"{self._place()} does not start, {STUCK[reason]}: {message[:MAX_CHARACTERS]}. {remedy}")

    def _crash(self, now: float) -> Problem | None:
        ended = self._last_end()
        if not ended or not self._crashes(ended, now):
            return None
        reason, message = ended.get("reason", ""), ended.get("message", "").strip()
        if reason in NEVER_RAN and "OOM" in message:  # there was not even enough to start it
            reason = OOM
        if reason in NEVER_RAN:
            return self._not_run(NOT_RUN, message)
        reason = OOM if reason == OOM else "CrashLoopBackOff"
        logs = f"kubectl logs {self.pod} -n {self.namespace} -c {self.name} --previous"
        return Problem(reason, f"{self._place()} ends again and again: {self._how_it_ended(reason)}. {logs}")

    def _crashes(self, ended: Body, now: float) -> bool:
        if self._state("waiting").get("reason") == "CrashLoopBackOff":
            return True
        restarts = self.status.get("restartCount", 0)
        began, end = seconds(ended.get("startedAt")) or 0.0, seconds(ended.get("finishedAt")) or 0.0
        if began and end - began >= LONG_SECONDS:
            return False
        if self._state("terminated"):
            return ended.get("exitCode") != 0 and restarts > 0
        since = self.running_since
        return restarts >= REPEATED and since is not None and now - since < LIVED_SECONDS

    def _last_end(self) -> Body:
        ended: Body = self._state("terminated") or self.status.get("lastState", {}).get("terminated") or {}
        return ended

    def _how_it_ended(self, reason: str) -> str:
        ended = self._last_end()
        code, said = ended.get("exitCode", "?"), last_lines(ended.get("message", ""))
        if reason == OOM:
            limit = self.spec.get("resources", {}).get("limits", {}).get("memory", "not set")
            why = f"{OOM}, it used more memory than its limit: raise the memory limit ({limit})"
        else:
            why = f"exit status {code}, {ended.get('reason', 'no reason given')}"
            why += f" ({SIGNALS[code]})" if code in SIGNALS else ""
        return f"{why}; it said last: {said}" if said else why

    def _place(self) -> str:
        return f"The container {self.name} of pod {self.pod}"


def containers(pod: Body) -> list[Container]:
    """Return the containers of a pod in the order in which they start."""
    spec, status, metadata = pod.get("spec", {}), pod.get("status", {}), pod["metadata"]
    found: list[Container] = []
    for field, statuses, is_init in (
        ("initContainers", "initContainerStatuses", True),
        ("containers", "containerStatuses", False),
    ):
        known = {container["name"]: container for container in status.get(statuses) or []}
        specs = {container["name"]: container for container in spec.get(field) or []}
        found += [
            Container(
                specs.get(each, {"name": each}), known.get(each, {}), metadata["name"], metadata["namespace"], is_init
            )
            for each in dict.fromkeys([*specs, *known])
        ]
    return found


def last_lines(text: str) -> str:
    """Return the end of a log in one line, without the lines that may hold a secret."""
    lines = [redact(line.strip()) for line in text.splitlines() if line.strip()][-MAX_LINES:]
    quoted = " | ".join(lines)
    return quoted if len(quoted) <= MAX_CHARACTERS else f"...{quoted[-MAX_CHARACTERS:]}"
