"""How long each stage of a pod's start may last before it counts as a problem.

Pure.
"""

import msgspec

from greenscale_operator.workload import Workload

START_SECONDS = 120.0
"""From the node to a ready worker, where no model is loaded."""

READY_SECONDS = 30.0
"""From a running worker to a ready one: it needs a second or two."""

DOWNLOAD_SECONDS = 1800.0
"""For an init container: it may download a model."""

MISSING_SECONDS = 60.0
"""For what a pod refers to and is not there, and for Kubernetes to create a pod: no node that comes later mends it."""


class Patience(msgspec.Struct, frozen=True):
    """In seconds."""

    node: float = 600.0
    """For a node, or for whatever holds a scheduling gate."""
    start: float = START_SECONDS
    """From the node to a ready worker."""
    ready: float = READY_SECONDS
    """From a running worker to a ready one."""

    @classmethod
    def of(cls, workload: Workload) -> "Patience":
        """Return a workload's."""
        server = workload.engine.server
        node = float(workload.worker.node_provisioning_seconds)
        if server is None:
            return cls(node=node)
        # The worker waits for its model server, and gives up by itself.
        loading = float(server.startup_timeout_seconds)
        return cls(node=node, start=START_SECONDS + loading, ready=READY_SECONDS + loading)
