"""The yardstick of a worker: one job at a time, asyncio, nothing more than must be.

No lease, no retry, no limit, no streaming: BLMOVE, then the result and the removal in one transaction.

    python bench/floor.py PORT
"""

import asyncio
import json
import sys

from redis.asyncio import Redis


async def main(port: int) -> None:
    """Answer each job with its prompt, for ever."""
    async with Redis(port=port, socket_timeout=None, decode_responses=True) as redis:
        while True:
            raw = str(await redis.blmove("floor", "floor:processing", 0, "RIGHT", "LEFT"))
            job = json.loads(raw)
            async with redis.pipeline(transaction=True) as pipe:
                pipe.lpush(f"floor:result:{job['id']}", job["prompt"])
                pipe.lrem("floor:processing", 1, raw)
                await pipe.execute()


asyncio.run(main(int(sys.argv[1])))
