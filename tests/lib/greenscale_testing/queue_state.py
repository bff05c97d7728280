"""All that Redis holds of one queue, at one instant, in the form of `QueueModel.snapshot`."""

import json
from typing import Any

import redis

LOOK = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind, value = redis.call('TYPE', key).ok, nil
    if kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
    elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    elseif kind == 'hash' then value = redis.call('HGETALL', key)
    elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+')
    else value = redis.call('GET', key) end
    found[#found + 1] = { key, redis.call('TTL', key), value }
end
return found
"""

TIMES = {
    "submittedAt": "submitted_at",
    "claimedAt": "claimed_at",
    "dueAt": "due_at",
    "finishedAt": "finished_at",
    "suspectSince": "suspect_since",
}


def observe(client: redis.Redis, list_name: str = "jobs") -> dict[str, Any]:
    """Return what there is; a key that belongs to no queue stands there by its name."""
    seen: dict[str, Any] = {"waiting": [], "claiming": [], "inflight": {}, "delayed": {}, "done": {}, "dead": []}
    seen |= {"config": {}, "counters": {}, "fault": None, "trouble": None, "history": [], "starts": [], "workers": {}}
    for raw_key, ttl, value in client.eval(LOOK, 0):
        key = raw_key.decode()
        part = "waiting" if key == list_name else key.removeprefix(f"{list_name}:")
        match part.split(":", 1):
            case ["waiting" | "claiming"]:
                seen[part] = value
            case ["inflight" | "delayed" | "done" | "workers"]:
                seen[part] = {member: float(score) for member, score in _pairs(value)}
            case ["dead"]:
                seen[part] = [_dead(entry) for entry in value]
            case ["config"]:
                seen[part] = {name: float(number) for name, number in _pairs(value)}
            case ["stats"]:
                seen |= _stats(dict(_pairs(value)))
            case ["history" | "starts"]:
                seen[part] = [{name: float(number) for name, number in _pairs(fields)} for _, fields in value]
            case ["job", job_id]:
                seen[f"job {job_id}"] = {**_job(dict(_pairs(value))), "expires": ttl >= 0}
            case ["events", job_id]:
                seen[f"events {job_id}"] = (ttl >= 0, [_event(fields) for _, fields in value])
            case _:
                seen[key] = value
    return seen


def _pairs(flat: list[bytes]) -> list[tuple[str, bytes]]:
    return [(name.decode(), value) for name, value in zip(flat[::2], flat[1::2], strict=True)]


def _dead(entry: bytes) -> tuple[str, str, int, float]:
    told = json.loads(entry)
    return told["id"], told["reason"], told["attempt"], told["at"]


def _stats(told: dict[str, bytes]) -> dict[str, Any]:
    fault, *times = (told.pop(name, None) for name in ("fault", "faultAt", "faultUntil"))
    trouble = [told.pop(name, None) for name in ("troubleSince", "troubleAt")]
    return {
        "counters": {name: int(number) for name, number in told.items()},
        "fault": None if fault is None else (fault.decode(), *(float(at) for at in times if at)),
        "trouble": tuple(float(at) for at in trouble if at) or None,
    }


def _job(told: dict[str, bytes]) -> dict[str, Any]:
    def text(name: str) -> str | None:
        return told[name].decode() if name in told else None

    def number(name: str) -> int | None:
        return int(told[name]) if name in told else None

    errors = [json.loads(line) for line in told.get("errors", b"").splitlines()]
    return {
        "state": text("state"),
        "item": told.get("item"),
        **{ours: float(told[name]) if name in told else None for name, ours in TIMES.items()},
        "attempts": number("attempts"),
        "behind": "behind" in told,
        "losses": number("losses"),
        "lost_alone": number("lostAlone"),
        "alone": "alone" in told,
        "drained": (text("drainedBy"), float(told["drainedUntil"])) if "drainedBy" in told else None,
        "uncharged": _uncharged(told),
        "token": text("token"),
        "worker": text("worker"),
        "cancel": "cancel" in told,
        "result": text("result"),
        "settled_by": text("settledBy"),
        "shown": text("shown"),
        "errors": [(error["reason"], error["attempt"], error["at"]) for error in errors],
    }


def _uncharged(told: dict[str, bytes]) -> tuple[int, float, float, str, str, float] | None:
    if "unchargedTries" not in told:
        return None
    return (
        int(told["unchargedTries"]),
        float(told["unchargedFirstAt"]),
        float(told["unchargedLastAt"]),
        told["unchargedReason"].decode(),
        told["unchargedMessage"].decode(),
        float(told["unchargedSuspended"]),
    )


def _event(fields: list[bytes]) -> tuple[str, int, str]:
    told = dict(_pairs(fields))
    return told["type"].decode(), int(told["attempt"]), told.get("text", b"").decode()
