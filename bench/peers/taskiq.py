"""taskiq: asyncio, over its list broker. Added: its results, and one process in place of two."""

from typing import Any

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from bench import app, handlers

broker = ListQueueBroker(app.REDIS_URL).with_result_backend(RedisAsyncResultBackend(app.REDIS_URL, prefix_str="result"))

TASKS: dict[str, Any] = {kind: broker.task(task_name=kind)(getattr(handlers, kind)) for kind in handlers.KINDS}

_begun: list[bool] = []


async def _begin() -> None:
    if not _begun:
        await broker.startup()
        _begun.append(True)


tasks = ["--max-async-tasks", str(app.CONCURRENCY)]
WORKER = ["-m", "taskiq", "worker", "--workers", "1", *tasks, "bench.peers.taskiq:broker"]


async def send(kind: str, words: list[str]) -> list[Any]:
    await _begin()
    return [await TASKS[kind].kiq(word) for word in words]


async def stored(_sent: int) -> int:
    await _begin()
    async for connection in _connection():
        keys = int(await connection.dbsize())
        return keys - int(await connection.exists("taskiq"))
    return 0


async def _connection() -> Any:
    from redis.asyncio import Redis  # noqa: PLC0415

    async with Redis(connection_pool=broker.connection_pool) as connection:
        yield connection


async def right(job: Any, word: str) -> bool:
    result = await job.get_result()
    return not result.is_err and bool(result.return_value == word)
