"""One operator works, others stand by: a Lease says who.

A standby takes over within seconds of a clean end, and within the Lease's duration of a crash.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from greenscale_operator.logs import fields

LEASE_NAME = "greenscale-operator"

LEASE_SECONDS, RENEW_WITHIN_SECONDS, RETRY_SECONDS = 15, 10, 2

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another operator may work now: this one must end at once."""


async def lead(
    api: client.ApiClient,
    *,
    namespace: str,
    identity: str,
    work: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
) -> None:
    """Wait for the Lease, work until `stop`, and give the Lease back.

    Raises:
        LeaseLost: It could not be renewed, or another holds it; what worked has been cancelled.
        Exception: Whatever `work` raised.
    """
    lock = _PatientLock(LEASE_NAME, namespace, identity, api)
    working: list[asyncio.Task[None]] = []

    async def started() -> None:
        logger.info("leading", extra=fields(identity=identity, lease=f"{namespace}/{LEASE_NAME}"))
        working.append(asyncio.ensure_future(work()))
        await asyncio.wait(working)

    election = LeaderElection(
        Config(
            lock,
            lease_duration=LEASE_SECONDS,
            renew_deadline=RENEW_WITHIN_SECONDS,
            retry_period=RETRY_SECONDS,
            onstarted_leading=started,
            onstopped_leading=_nothing,
        )
    )
    electing, stopping = asyncio.create_task(election.run()), asyncio.create_task(stop.wait())
    try:
        await _first_of(electing, stopping, working)
        if electing.done() and not stop.is_set():
            electing.result()
            raise LeaseLost(f"{identity} could not renew the Lease {namespace}/{LEASE_NAME}")
    finally:
        stopping.cancel()
        lost = electing.done()
        await _finish(working, cancel=lost)
        electing.cancel()
        await asyncio.wait({electing})
        if not lost:
            await lock.release()
    for task in working:
        task.result()


async def _nothing() -> None:
    """Leave it to `lead` what follows."""


async def _first_of(electing: asyncio.Task[None], stopping: asyncio.Task[Any], working: list[Any]) -> None:
    """Wait until the election or the work ends, or somebody stops us."""
    while not electing.done() and not stopping.done() and not any(task.done() for task in working):
        await asyncio.wait({electing, stopping, *working}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)


async def _finish(working: list[asyncio.Task[None]], *, cancel: bool) -> None:
    """Wait for the work to end, which `stop` asked it to; a lost Lease leaves it no time."""
    for task in working:
        if cancel:
            task.cancel()
        await asyncio.wait({task})


class _PatientLock(LeaseLock):
    """A lock that takes an API server that does not answer for one that refuses: the election then tries again.

    Source: kubernetes 37.0.2, `LeaderElection.run` lets anything but ApiException through and ends; it also goes on for
    the whole renew deadline where it reads that another holds what it held.
    """

    _held = False

    async def get(self, name: str, namespace: str) -> Any:
        try:
            found, record = await super().get(name, namespace)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return False, ApiException(status=0, reason=f"the API server does not answer: {error}")
        holder = getattr(record, "holder_identity", None)
        if self._held and holder and holder != self.identity:
            raise LeaseLost(f"{self.identity} lost the Lease {namespace}/{name} to {holder}")
        return found, record

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        # The library's own fails before it asks: it passes `pretty=True` where its client wants a text (37.0.2).
        body = client.V1Lease(metadata=client.V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except (ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("lease_not_created", extra=fields(error=getattr(error, "reason", type(error).__name__)))
            return False
        self._held = True
        return True

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        try:
            updated = await super().update(name, namespace, updated_record)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        self._held = self._held or updated
        return updated

    async def release(self) -> None:
        """Say that nobody holds the Lease, so that a standby need not wait for its end."""
        self._held = False
        await self.get(self.name, self.namespace)
        lease = self.lease_reference
        if lease is None or lease.spec is None or lease.spec.holder_identity != self.identity:
            return
        lease.spec.holder_identity = ""
        try:
            await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease, _request_timeout=5.0)
        except (ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("lease_not_released", extra=fields(error=type(error).__name__))
