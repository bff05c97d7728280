"""The loop that claims jobs: as many as there are free slots, while the engine takes jobs and Redis answers."""

import asyncio
import time
from collections.abc import Callable

from greenscale_jobs import Claim, QueueUnavailable
from greenscale_worker.blocking_claim import BLOCK_SECONDS, FIRST_SECONDS, BlockingClaim
from greenscale_worker.credentials import AccessRefusals
from greenscale_worker.in_hand import InHand
from greenscale_worker.liveness import Pulse
from greenscale_worker.outage import Outage
from greenscale_worker.running import Running
from greenscale_worker.settings import Settings
from greenscale_worker.settling import Settling

SHARES, LEAST_SHARE = 3, 32
"""Into how many shares many slots are divided: while one is claimed, one runs and one is stored. A smaller share would
cost more in round trips than it gains."""

PAUSE_SECONDS = 1.0
"""How often a worker of a suspended queue tries whether it goes on."""


class Claiming:
    """Claims until `stopping` is set; `start` is called with each claim."""

    def __init__(
        self,
        settings: Settings,
        blocking_claim: BlockingClaim,
        *,
        in_hand: InHand,
        settling: Settling,
        outage: Outage,
        pulse: Pulse,
        start: Callable[[Claim], Running],
        stopping: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._blocking_claim = blocking_claim
        self._in_hand = in_hand
        self._settling = settling
        self._limit = settling.limit
        self._outage = outage
        self._pulse = pulse
        self._start = start
        self._stopping = stopping
        self._refused_claims = AccessRefusals(settings.read_again)
        self._others_since_suspect = settings.concurrency

    async def loop(self) -> str | None:
        """Claim until stopped, or until the credentials have been refused for too long: then returns the refusal."""
        while not self._stopping.is_set():
            self._pulse.beat()
            now = time.monotonic()
            if refusal := self._lasting_refusal(now):
                await self._settling.report_before_restart()
                return refusal
            free, slow = self._in_hand.free_slots(self._limit.allowed), self._limit.pause_seconds(now)
            if free == 0 or slow > 0:
                await self._rest(min(BLOCK_SECONDS, slow) if slow > 0 else BLOCK_SECONDS)
                continue
            share = share_of(self._limit.allowed)
            try:
                claims = await self._claim(min(free, share))
            except QueueUnavailable as error:
                self._refused_claims.note(error, now)
                self._pulse.claims_failed(str(error))
                await self._rest(self._outage.note(error))
            else:
                await self._take(claims, goes_on=claims is not None and len(claims) == share < self._limit.allowed)
        return None

    def _lasting_refusal(self, now: float) -> str | None:
        """Return why the credentials must be read again, once nothing that is in hand would be lost by it."""
        idle = not self._in_hand and not self._settling.busy
        # Without Redis no lease is renewed: what is in hand has been given to others by then.
        if idle or self._outage.seconds(now) > self._settings.lease_seconds:
            refusal = self._outage.lasting_refusal(now) or self._refused_claims.lasting(now)
            if refusal:
                return refusal
        return self._settling.key_refusal(now) if idle else None

    async def _claim(self, free: int) -> list[Claim] | None:
        claims = await self._blocking_claim.claim(
            free,
            seconds=BLOCK_SECONDS if self._pulse.is_claiming else FIRST_SECONDS,
            in_hand=len(self._in_hand),
            suspect_first=self._others_since_suspect >= self._settings.concurrency,
        )
        self._refused_claims.answered()
        self._pulse.claims_answered()
        self._outage.over()
        return claims

    async def _take(self, claims: list[Claim] | None, *, goes_on: bool) -> None:
        """Start what was claimed. `claims` None: the queue is suspended.

        `goes_on`: a whole share was filled. More jobs wait then, and the next are claimed while these run, so that the
        worker and Redis work at the same time.
        """
        if claims is None:
            await self._rest(PAUSE_SECONDS)
            return
        started = [self._start(claim) for claim in claims]
        for claim in claims:
            self._others_since_suspect = 0 if claim.alone else self._others_since_suspect + 1
        await asyncio.sleep(0)  # the engine's requests go out before we ask for more
        if not goes_on and (self._settling.busy or any(job.ended for job in started)):
            await self._rest(BLOCK_SECONDS)  # results go first, and free slots for a larger claim

    async def _rest(self, seconds: float) -> None:
        """Wait until a slot is freed or the worker is stopped, at most so long."""
        await self._in_hand.wait_for_slot(seconds, unless=self._stopping)


def share_of(slots: int) -> int:
    """Return for how many jobs one claim asks at most, of a worker with so many slots."""
    return slots // SHARES if slots >= SHARES * LEAST_SHARE else slots
