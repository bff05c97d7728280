"""The yardsticks of throughput: the least that stores results. One worker each, over the same redis-py as ours.

`one`: one job at a time, no lease: BLMOVE, then the result and the removal in one transaction. `batched`: as many
jobs as are free slots in one script, those that are ready finished in one pipeline; no lease. `leased`: the same with
the claims leased and renewed, and results fenced by the claim's token: the least that keeps our promise.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis
import redis.asyncio
from redis.asyncio import Redis

from bench import app, handlers

WORKER = ["-m", "bench.floors"]
FLOOR = os.environ.get("BENCH_FLOOR", "one")
LEASE_SECONDS = 30

CLAIM = """
local claimed = {}
for number = 1, tonumber(ARGV[1]) do
    local raw = redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')
    if not raw then break end
    claimed[number] = raw
end
return claimed
"""

CLAIM_LEASED = """
local claimed, ends = redis.call('RPOP', KEYS[1], ARGV[1]) or {}, redis.call('TIME')[1] + tonumber(ARGV[2])
for _, raw in ipairs(claimed) do redis.call('ZADD', KEYS[2], ends, raw) end
return claimed
"""

FINISH_LEASED = """
for number = 1, #ARGV, 3 do
    if redis.call('ZREM', KEYS[1], ARGV[number]) == 1 then
        redis.call('SET', ARGV[number + 1], ARGV[number + 2], 'EX', 86400)
    end
end
"""

RENEW_LEASED = """
local ends = redis.call('TIME')[1] + tonumber(ARGV[1])
for number = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', ends, ARGV[number]) end
"""

Job = tuple[str, str, str]
"""The item, the job's id and its result."""


async def one(handler: Callable[[str], Awaitable[str]]) -> None:
    """Take one job, do it, store its result; for ever."""
    async with _connect() as connection:
        while True:
            raw = str(await connection.blmove("floor", "floor:held", 0, "RIGHT", "LEFT"))
            job = json.loads(raw)
            result = await handler(job["word"])
            async with connection.pipeline(transaction=True) as pipe:
                pipe.set(f"floor:result:{job['id']}", result)
                pipe.lrem("floor:held", 1, raw)
                await pipe.execute()


class Batched:
    """Many jobs at once: a loop that claims and one that finishes."""

    def __init__(self, handler: Callable[[str], Awaitable[str]], *, leased: bool) -> None:
        self._handler = handler
        self._leased = leased
        self._running: set[str] = set()
        self._ready: list[Job] = []
        self._some_ready, self._freed = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work for ever."""
        async with _connect() as connection, _connect() as blocking, asyncio.TaskGroup() as group:
            group.create_task(self._claim(connection, blocking))
            group.create_task(self._finish(connection))
            if self._leased:
                group.create_task(self._renew(connection))

    async def _claim(self, connection: Redis, blocking: Redis) -> None:
        script = connection.register_script(CLAIM_LEASED if self._leased else CLAIM)
        while True:
            free = app.CONCURRENCY - len(self._running)
            if free == 0:
                self._freed.clear()
                await self._freed.wait()
                continue
            raws = await script(["floor", "floor:held"], [free, LEASE_SECONDS])
            if not raws:  # wait for a job, and put it back where the script takes it
                await blocking.blmove("floor", "floor", 0, "RIGHT", "RIGHT")
            for raw in raws:
                self._running.add(raw)
                task = asyncio.create_task(self._do(raw))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _do(self, raw: str) -> None:
        job = json.loads(raw)
        result = await self._handler(job["word"])
        self._ready.append((raw, f"floor:result:{job['id']}", result))
        self._some_ready.set()

    async def _finish(self, connection: Redis) -> None:
        script = connection.register_script(FINISH_LEASED)
        while True:
            await self._some_ready.wait()
            self._some_ready.clear()
            ready, self._ready = self._ready, []
            if self._leased:
                await script(["floor:held"], [part for job in ready for part in job])
            else:
                async with connection.pipeline(transaction=True) as pipe:
                    for raw, key, result in ready:
                        pipe.set(key, result)
                        pipe.lrem("floor:held", 1, raw)
                    await pipe.execute()
            self._running.difference_update(raw for raw, _, _ in ready)
            self._freed.set()

    async def _renew(self, connection: Redis) -> None:
        script = connection.register_script(RENEW_LEASED)
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            await script(["floor:held"], [LEASE_SECONDS, *self._running])


def _connect() -> Redis:
    return Redis(port=app.PORT, socket_timeout=None, decode_responses=True)


plain = redis.Redis(port=app.PORT, decode_responses=True)


async def send(_kind: str, words: list[str]) -> list[Any]:
    jobs = [f"{time.time_ns():x}-{word}" for word in words]
    for first in range(0, len(jobs), 1000):
        with plain.pipeline(transaction=False) as pipe:
            for job_id, word in list(zip(jobs, words, strict=True))[first : first + 1000]:
                pipe.lpush("floor", json.dumps({"id": job_id, "word": word}))
            pipe.execute()
    return jobs


async def stored(sent: int) -> int:
    with plain.pipeline(transaction=True) as pipe:
        pipe.llen("floor")
        pipe.zcard("floor:held") if FLOOR == "leased" else pipe.llen("floor:held")
        return sent - sum(int(length) for length in pipe.execute())


async def right(job: Any, word: str) -> bool:
    return bool(plain.get(f"floor:result:{job}") == word)


if __name__ == "__main__":
    handler = getattr(handlers, app.KIND)
    asyncio.run(one(handler) if FLOOR == "one" else Batched(handler, leased=FLOOR == "leased").run())
