"""What all subjects share: their settings, and the protocol between a producer and the bench.

    python -m bench.app MODULE worker|producer

The Pythons of all peers run it: the standard library only. The bench writes `send KIND COUNT`, `stored` and `check`;
the producer answers each with one line of JSON.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

PORT = int(os.environ.get("BENCH_REDIS_PORT", "6379"))
REDIS_URL = f"redis://127.0.0.1:{PORT}/0"
ENGINE_URL = os.environ.get("OPENAI_BASE_URL", "")
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "100"))
KIND = os.environ.get("BENCH_KIND", "noop")

Send = Callable[[str, list[str]], Awaitable[list[Any]]]
Stored = Callable[[int], Awaitable[int]]
Right = Callable[[Any, str], Awaitable[bool]]


def main() -> None:
    """Become a subject's worker or its producer.

    Its module has `WORKER`, what Python is called with; `send`, which puts a job of a kind for each word and returns
    what `right` needs to see whether a job's stored result is its word; and `stored`, which returns how many of so many
    jobs have their results stored, with few and cheap commands.
    """
    subject = importlib.import_module(sys.argv[1])
    if sys.argv[2] == "worker":
        os.environ.update(getattr(subject, "ENVIRONMENT", {}))
        os.execv(sys.executable, [sys.executable, *subject.WORKER])  # noqa: S606 - no shell is wanted
    asyncio.run(_produce(subject.send, subject.stored, subject.right))


async def _produce(send: Send, stored: Stored, right: Right) -> None:
    jobs: list[Any] = []
    words: list[str] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        match line.split():
            case ["send", kind, count]:
                new = [f"word-{number}" for number in range(len(words), len(words) + int(count))]
                words += new
                jobs += await send(kind, new)
                _answer({"sent": len(words)})
            case ["stored"]:
                found = await stored(len(words))
                _answer({"stored": found, "at": time.perf_counter()})
            case ["check"]:
                good = 0
                for job, word in zip(jobs, words, strict=True):
                    good += await right(job, word)
                _answer({"sent": len(words), "right": good})


def _answer(answer: dict[str, float]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
