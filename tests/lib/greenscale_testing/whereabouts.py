"""Whether every job is where its record says that it is: one that is nowhere never moves again."""

import json
from collections.abc import Iterator
from typing import cast

import redis


def astray(plain: redis.Redis, list_name: str = "jobs") -> list[str]:
    """Return what is wrong, a line for each job; records that are damaged by themselves are passed over."""
    places = {
        "waiting": {*_ids(plain, list_name), *_ids(plain, f"{list_name}:claiming")},
        "dead": set(_ids(plain, f"{list_name}:dead")),
        "running": set(_members(plain, f"{list_name}:inflight")),
        "delayed": set(_members(plain, f"{list_name}:delayed")),
        "done": set(_members(plain, f"{list_name}:done")),
    }
    places["cancelled"] = places["done"]
    wrong = []
    prefix = f"{list_name}:job:"
    for key in plain.scan_iter(f"{prefix}*", count=1000, _type="hash"):
        job_id = key.decode(errors="replace").removeprefix(prefix)
        state = cast("bytes", plain.hget(key, "state") or b"").decode(errors="replace")
        if state in places and job_id not in places[state]:
            wrong.append(f"{job_id} is {state}, and not there")
    return wrong


def _ids(plain: redis.Redis, key: str) -> Iterator[str]:
    for raw in plain.lrange(key, 0, -1):
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and isinstance(document.get("id"), str):
            yield document["id"]


def _members(plain: redis.Redis, key: str) -> Iterator[str]:
    return (member.decode(errors="replace") for member in cast("list[bytes]", plain.zrange(key, 0, -1)))
