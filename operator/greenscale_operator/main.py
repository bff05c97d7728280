"""Puts the operator together and runs it until SIGTERM."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import kopf
from kubernetes.aio import client, config
from kubernetes.aio.config.config_exception import ConfigException

from greenscale_jobs.usage import refuse_arguments
from greenscale_operator import handlers, logs
from greenscale_operator.apply import Applier
from greenscale_operator.children import Children
from greenscale_operator.cluster import Cluster
from greenscale_operator.config_maps import ConfigMaps
from greenscale_operator.crd_watch import SETTLE_SECONDS
from greenscale_operator.deletion import Deletion
from greenscale_operator.events import Events
from greenscale_operator.health import STUCK_SECONDS, Health
from greenscale_operator.kinds import DEPLOYMENT
from greenscale_operator.leader import LeaseLost, lead
from greenscale_operator.objects import Install
from greenscale_operator.pod_checks import PodChecks
from greenscale_operator.queue_checks import QueueChecks
from greenscale_operator.queues import Queues
from greenscale_operator.reconciler import Reconciler
from greenscale_operator.scalers import ScalerDriver
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.secrets import Secrets
from greenscale_operator.settings import InvalidSettings, Settings, read_settings
from greenscale_operator.signals import Signals
from greenscale_operator.status_writer import StatusWriter
from greenscale_operator.usage import ABOUT
from greenscale_operator.watch_cache import WatchCache

GARBAGE_OBJECTS = 20_000
"""New objects after which Python looks for garbage. With its default of 700 this took a seventh of the CPU of a restart
with a thousand workloads."""

logger = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; the exit status is 1 where the Lease is lost, 2 for a wrong start."""
    refuse_arguments(sys.argv[1:], program="greenscale-operator", about=ABOUT)
    gc.set_threshold(GARBAGE_OBJECTS)
    try:
        settings = read_settings(os.environ)
    except InvalidSettings as error:
        print(f"greenscale-operator: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    logs.configure(settings.log_level, settings.log_format)
    handlers.quiet()
    try:
        asyncio.run(run(settings))
    except (LeaseLost, ConfigException) as error:
        sys.exit(f"greenscale-operator: {error}")


async def run(settings: Settings) -> None:
    """Stand by until the Lease is ours, then work until a signal."""
    stop = asyncio.Event()
    listen(stop)
    async with client.ApiClient(await _configuration()) as api:
        operator = Operator(api, settings, stop)
        server = await operator.health.serve(settings.health_port)
        try:
            await lead(api, namespace=settings.namespace, identity=settings.identity, work=operator.work, stop=stop)
        finally:
            await server.cleanup()


def listen(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def make_reconciler(
    cluster: Cluster,
    cache: WatchCache,
    queues: Queues,
    scaler: ScalerDriver,
    install: Install,
    *,
    identity: str,
    clock: Callable[[], float] = time.time,
) -> Reconciler:
    """Put a reconciler together; `identity` posts its Events."""
    events = Events(cluster, identity=identity, clock=clock)
    children = Children(cluster, cache, scaler, events, clock=clock)
    return Reconciler(
        cache,
        scaler,
        queue_checks=QueueChecks(queues, Secrets(cluster, clock=clock), install),
        applier=Applier(children, cache, scaler, install, ConfigMaps(cluster, clock=clock)),
        pod_checks=PodChecks(cluster, queues, scaler),
        status_writer=StatusWriter(cluster, cache, queues, events, scaler),
        events=events,
        clock=clock,
    )


class Operator:
    """The parts, and the tasks that run while we lead."""

    def __init__(self, api: client.ApiClient, settings: Settings, stop: asyncio.Event) -> None:
        self._api = api
        self._settings = settings
        self._stop = stop
        self._scaler = Keda()
        self._assemble()
        self.health = Health([self._deaf, self._stuck])

    def _assemble(self) -> None:
        """Make the parts, with nothing known yet."""
        cache = WatchCache()
        cluster = Cluster(self._api)
        self._queues = Queues()
        install, identity = self._settings.install, self._settings.identity
        reconciler = make_reconciler(cluster, cache, self._queues, self._scaler, install, identity=identity)
        self._signals = Signals(cluster, cache, reconciler)
        self._deletion = Deletion(cluster, reconciler, self._scaler)

    async def work(self) -> None:
        """Watch, reconcile and maintain the queues until `stop`; raises what ends any of it."""
        self.health.leading = True
        while True:
            await self._watch(asyncio.Event())
            if self._stop.is_set():
                return
            logger.info("watches_restarted", extra=logs.fields(reason="a kind was installed or removed"))
            self._assemble()

    async def _watch(self, again: asyncio.Event) -> None:
        """Do so until `stop`, or until `again` is set, since a kind was installed or removed."""
        # Kopf takes the signals, and one that comes while it ends is lost: they are taken back once it has started.
        children = (DEPLOYMENT, *self._scaler.kinds)
        registry = handlers.registry(
            self._signals,
            self._deletion,
            children,
            started=lambda: listen(self._stop),
            start_again=again.set,
        )
        watching = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=handlers.settings(children),
                clusterwide=True,
                standalone=True,
                # Not looked up: the image's user has no name.
                identity=cast("Any", self._settings.identity),
                stop_flag=again,
            )
        )
        beside = [
            asyncio.create_task(self._queues.run(self._signals.queue.add)),
            asyncio.create_task(self._signals.resync()),
            asyncio.create_task(_wait(self._stop)),
        ]
        try:
            await asyncio.wait({watching, *beside}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not again.is_set() and not _is_not_found(watching):
                self._stop.set()
            again.set()
            for task in beside:
                task.cancel()
            await asyncio.gather(watching, *beside, return_exceptions=True)
            await self._signals.queue.aclose()
            await self._queues.aclose()
        if _is_not_found(watching):
            await asyncio.sleep(SETTLE_SECONDS)
        elif not watching.cancelled():
            watching.result()
        for task in beside:
            if not task.cancelled():
                task.result()

    def _deaf(self) -> str | None:
        return self._signals.deaf()  # of the parts of now

    def _stuck(self) -> str | None:
        seconds = self._signals.queue.oldest_seconds
        return f"a workload has waited for its turn for {seconds:.0f} s" if seconds > STUCK_SECONDS else None


def _is_not_found(watching: "asyncio.Task[None]") -> bool:
    """Return whether Kopf ended because a kind is gone while it watched it."""
    if not watching.done() or watching.cancelled():
        return False
    return getattr(watching.exception(), "status", None) == HTTPStatus.NOT_FOUND


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _configuration() -> client.Configuration:
    """Return how to reach the API server: as a pod, else by the kubeconfig."""
    # Like Kopf's watches without the environment's proxies and netrc: each request would look them up in a thread.
    configuration = client.Configuration(client_session_kwargs={"trust_env": False})
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException:
        await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration
