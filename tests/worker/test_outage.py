"""A worker's loops learn from each other that Redis is back."""

import asyncio

import pytest

from greenscale_jobs import QueueUnavailable
from greenscale_worker import outage
from greenscale_worker.credentials import AccessRefusals
from greenscale_worker.liveness import Pulse
from greenscale_worker.logs import Log
from greenscale_worker.observe import Observer


async def test_all_go_on_as_soon_as_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each had waited for a time of its own, though a lease may end meanwhile."""
    monkeypatch.setattr(outage, "FIRST_WAIT_SECONDS", 600.0)
    monkeypatch.setattr(outage, "MAX_WAIT_SECONDS", 600.0)
    away = outage.Outage(Observer(Log("text", worker="w")), refusals=AccessRefusals(()), pulse=Pulse())
    refused, tries = asyncio.Event(), iter([False, True])

    async def renew() -> str:
        refused.set()
        if not next(tries):
            raise QueueUnavailable("away")
        return "renewed"

    async def maintain() -> str:
        return "tended"

    renewing = asyncio.create_task(away.insist(renew))
    await refused.wait()
    await away.insist(maintain)

    assert await asyncio.wait_for(renewing, timeout=10) == "renewed"
