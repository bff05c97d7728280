"""A queue with a job in every state, of which one, the victim, is about to be damaged."""

from collections.abc import Awaitable, Callable

import redis

from greenscale_jobs import Claim, Finished, JobQueue, JobState, Outcome

VICTIM = "victim"

OTHERS = ("dead", "done", "late", "later", "running", "waiting")
"""Jobs that nothing is done to."""


async def begin(queue: JobQueue, raw: redis.Redis, state: str) -> tuple[Claim, Claim]:
    """Make the jobs; gives the claim of the victim, one that never held if it is not running, and another's."""
    for job_id in OTHERS[:3]:
        await STATES[job_id](queue, raw, job_id)
    await queue.submit("hi", job_id="later", delay_seconds=1)
    other = await _running(queue, raw, "running")
    held = await STATES[state](queue, raw, VICTIM)
    await queue.submit("hi", job_id="waiting")
    return held or Claim(VICTIM, "no-token", 1, b"hi"), other


async def end(queue: JobQueue, advance: Callable[[float], None]) -> None:
    """Work until nothing moves any more."""
    for _ in range(12):
        advance(queue.limits.lease_seconds + 1)
        await queue.maintain()
        await queue.redrive_all()
        for claim in await queue.claim("w", 50) or []:
            await queue.finish([Finished(claim, "answer", Outcome())])


async def not_done(queue: JobQueue) -> list[str]:
    """Return which of the others have not been done."""
    return [job_id for job_id in OTHERS if (await queue.job(job_id)).state is not JobState.DONE]


async def _waiting(queue: JobQueue, _: redis.Redis, job_id: str) -> None:
    await queue.submit("hi", job_id=job_id)


async def _later(queue: JobQueue, _: redis.Redis, job_id: str) -> None:
    await queue.submit("hi", job_id=job_id, delay_seconds=1)


async def _pushed(_: JobQueue, raw: redis.Redis, job_id: str) -> None:
    raw.lpush("jobs", f'{{"prompt":"hi","id":"{job_id}"}}')


async def _stranded(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.submit("hi", job_id=job_id)
    raw.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")


async def _running(queue: JobQueue, _: redis.Redis, job_id: str) -> Claim:
    await queue.submit("hi", job_id=job_id)
    (claim,) = await queue.claim("w") or []
    return claim


async def _cancelling(queue: JobQueue, raw: redis.Redis, job_id: str) -> Claim:
    claim = await _running(queue, raw, job_id)
    await queue.cancel(job_id)
    return claim


async def _late(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.retry(await _running(queue, raw, job_id), "R", "m", delay_seconds=1)


async def _released(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.release(await _running(queue, raw, job_id))


async def _postponed(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.postpone(await _running(queue, raw, job_id), "R", "m", delay_seconds=1, behind=True)


async def _suspect(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    for _ in range(2):
        await queue.lose(await _running_again(queue, raw, job_id), "R", "m")


async def _alone(queue: JobQueue, raw: redis.Redis, job_id: str) -> Claim:
    await _suspect(queue, raw, job_id)
    return await _running_again(queue, raw, job_id)


async def _running_again(queue: JobQueue, raw: redis.Redis, job_id: str) -> Claim:
    if not raw.exists(queue.keys.job(job_id)):
        return await _running(queue, raw, job_id)
    (claim,) = await queue.claim("w") or []
    return claim


async def _dead(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.bury(await _running(queue, raw, job_id), "R", "m")


async def _sent_again(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await _dead(queue, raw, job_id)
    await queue.redrive([job_id])


async def _done(queue: JobQueue, raw: redis.Redis, job_id: str) -> None:
    await queue.finish([Finished(await _running(queue, raw, job_id), "answer", Outcome("m"))])


async def _cancelled(queue: JobQueue, _: redis.Redis, job_id: str) -> None:
    await queue.submit("hi", job_id=job_id)
    await queue.cancel(job_id)


STATES: dict[str, Callable[[JobQueue, redis.Redis, str], Awaitable[Claim | None]]] = {
    "waiting": _waiting,
    "later": _later,
    "pushed": _pushed,
    "stranded": _stranded,
    "running": _running,
    "cancelling": _cancelling,
    "late": _late,
    "released": _released,
    "postponed": _postponed,
    "suspect": _suspect,
    "alone": _alone,
    "dead": _dead,
    "sent again": _sent_again,
    "done": _done,
    "cancelled": _cancelled,
}
