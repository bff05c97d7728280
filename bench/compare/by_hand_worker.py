"""A worker as one writes it by hand: run as `python -c` in the worker's image, which has redis-py.

A job is `{"id", "prompt"}`. What fails is kept in a list of its own, which a shorter one would not do.
"""

import json
import os
import time
import traceback

import redis

server = redis.Redis(os.environ["REDIS_HOST"], socket_timeout=None, decode_responses=True)


def answer(prompt: str) -> str:
    """Ask the model."""
    time.sleep(0.01)
    if server.exists("prompts:model-down"):
        raise RuntimeError("the model's API is busy")
    return prompt


while True:
    _, job = server.brpop("prompts")  # type: ignore[misc]
    try:
        asked = json.loads(job)
        server.lpush(f"answers:{asked['id']}", answer(asked["prompt"]))
    except Exception:  # noqa: BLE001 - whatever it is, the next job is due
        traceback.print_exc()
        server.lpush("prompts:failed", job)
