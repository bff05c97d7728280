"""The signals of Kubernetes, as Kopf brings them: each names a workload, and `signals` has it reconciled.

Only `on.event` for what is watched: Kopf then writes nothing into any object, and goes on watching workloads whose CRD
is being deleted, which it does not where there is an `on.delete` (1.45.2).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from greenscale_operator.crd_watch import SETTLE_SECONDS, CrdWatch
from greenscale_operator.deletion import Deletion
from greenscale_operator.kinds import WORKLOAD, Kind
from greenscale_operator.objects import MANAGED_BY
from greenscale_operator.signals import Signals


class NoFormerVersions(kopf.MultiDiffBaseStorage):
    """Keeps no former version of an object: only handlers of changes need one, and each event would copy the object."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing of an object."""
        return kopf.BodyEssence()


def settings(children: Sequence[Kind]) -> kopf.OperatorSettings:
    """Return Kopf's settings; each differs from the default for the reason beside it."""
    settings = kopf.OperatorSettings()
    # A watch is renewed now and then, so that one which is dead without saying so does not last.
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 5
    # Of the children's kinds the API server sends ours only.
    for child in children:
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
    # Kopf would read what it knows of former events from each object, which is nothing.
    settings.persistence.diffbase_storage = NoFormerVersions([])
    settings.persistence.progress_storage = kopf.MultiProgressStorage([])
    # The Lease says who works: Kopf's own peering may freeze both.
    settings.peering.standalone = True
    return settings


def registry(
    signals: Signals,
    deletion: Deletion,
    children: Sequence[Kind],
    *,
    started: Callable[[], None],
    start_again: Callable[[], None],
) -> kopf.OperatorRegistry:
    """Return the handlers, which do nothing but pass signals on; `start_again` is called once kinds came or went."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    async def kopf_starts(**_: Any) -> None:
        asyncio.get_running_loop().call_soon(started)  # Kopf has one step of its start left, in which it takes signals

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        # One way in: Kopf would try every client library that is installed, in random order.
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(WORKLOAD.group, WORKLOAD.version, WORKLOAD.plural, registry=handlers)
    async def workload_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        gone = type == "DELETED"
        signals.workload(dict(body), gone=gone)
        if not gone:
            await deletion.attend(dict(body))

    for kind in children:
        _watch_child(kind, signals, handlers)
    _watch_kinds((WORKLOAD, *children), start_again, handlers)
    return handlers


def _watch_child(kind: Kind, signals: Signals, handlers: kopf.OperatorRegistry) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"{kind.plural}-changed")
    async def child_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        signals.child(kind, dict(body), gone=type == "DELETED")


def _watch_kinds(kinds: Sequence[Kind], start_again: Callable[[], None], handlers: kopf.OperatorRegistry) -> None:
    crds = CrdWatch(kinds)

    @kopf.on.event("apiextensions.k8s.io", "v1", "customresourcedefinitions", registry=handlers)
    async def kind_changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        if crds.changed(type, dict(body)):
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, start_again)


def quiet() -> None:
    """Let Kopf say only what went wrong: it tells of each event otherwise."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
