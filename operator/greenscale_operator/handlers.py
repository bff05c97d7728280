"""The signals of Kubernetes, as Kopf brings them: each names a workload, and `signals` has it reconciled.

Only `on.event` for what is watched: Kopf then writes nothing into any object. The one exception is the finalizer of a
workload whose queue is to be deleted with it.
"""

import logging
from typing import Any

import kopf

from greenscale_operator.cluster import CHILDREN, WORKLOAD, Kind
from greenscale_operator.deletion import Deletion
from greenscale_operator.errors import ClusterError
from greenscale_operator.objects import MANAGED_BY
from greenscale_operator.signals import Signals

FINALIZER = "greenscale.dev/delete-queue"

PREFIX = "greenscale.dev"

RETRY_SECONDS = 5.0


class NoDiffs(kopf.DiffBaseStorage):
    """Lets Kopf see no difference between bodies: no handler asks for one, and it would copy each body to find it.

    That was a quarter of the time of a start with 1000 workloads.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return the same for every body."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        """Return what `build` does."""
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        """Write nothing into the object."""


def settings() -> kopf.OperatorSettings:
    """Return Kopf's settings; each differs from the default for the reason beside it."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX, v1=False)
    settings.persistence.diffbase_storage = NoDiffs()
    # A watch is renewed now and then, so that one which is dead without saying so does not last.
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 5
    # Of Deployments and ScaledObjects the API server sends ours only.
    for child in CHILDREN:
        label = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
        settings.watching.label_selectors[child.group, child.version, child.plural] = label
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, 5)
    settings.networking.enforce_retry_after = True
    # Thousands of objects would otherwise be worked on at the default's pace.
    settings.queueing.worker_limit = None
    # Kopf would post its own log as events; what people should know, `reconciler` posts.
    settings.posting.enabled = False
    # The Lease says who works: Kopf's own peering may freeze both.
    settings.peering.standalone = True
    return settings


def registry(signals: Signals, deletion: Deletion) -> kopf.OperatorRegistry:
    """Return the handlers, which do nothing but pass signals on."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        # One way in: Kopf would try every client library that is installed, in random order.
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(WORKLOAD.group, WORKLOAD.version, WORKLOAD.plural, registry=handlers)
    async def workload_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        signals.workload(dict(body), gone=type == "DELETED")

    for kind in CHILDREN:
        _watch_child(kind, signals, handlers)

    @kopf.on.delete(WORKLOAD.group, WORKLOAD.version, WORKLOAD.plural, when=deletes_queue, registry=handlers)
    async def workload_deleted(body: kopf.Body, **_: Any) -> None:
        try:
            await deletion.finish(dict(body))
        except ClusterError as error:
            raise kopf.TemporaryError(str(error), delay=RETRY_SECONDS) from error

    return handlers


def deletes_queue(spec: kopf.Spec, **_: Any) -> bool:
    """Return whether the queue goes with the workload; only then it gets a finalizer."""
    return bool(spec.get("queue", {}).get("deletionPolicy") == "Delete")


def _watch_child(kind: Kind, signals: Signals, handlers: kopf.OperatorRegistry) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"{kind.plural}-changed")
    async def child_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        signals.child(kind, dict(body), gone=type == "DELETED")


def quiet() -> None:
    """Let Kopf say only what went wrong: it tells of each event otherwise."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
