"""All that Redis holds of one queue, at one instant, in the form of `QueueModel.snapshot`."""

import json
from typing import Any

import redis

READ_ALL = """
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
    parts: dict[str, Any] = {"waiting": [], "claiming": [], "inflight": {}, "delayed": {}, "done": {}, "dead": []}
    parts |= {"config": {}, "counters": {}, "fault": None, "trouble": None, "history": [], "starts": [], "workers": {}}
    for raw_key, ttl, value in client.eval(READ_ALL, 0):
        key = raw_key.decode()
        part = "waiting" if key == list_name else key.removeprefix(f"{list_name}:")
        match part.split(":", 1):
            case ["waiting" | "claiming"]:
                parts[part] = value
            case ["inflight" | "delayed" | "done" | "workers"]:
                parts[part] = {member: float(score) for member, score in _pairs(value)}
            case ["dead"]:
                parts[part] = [_dead(entry) for entry in value]
            case ["config"]:
                parts[part] = {name: float(number) for name, number in _pairs(value)}
            case ["stats"]:
                parts |= _stats(dict(_pairs(value)))
            case ["history" | "starts"]:
                parts[part] = [{name: float(number) for name, number in _pairs(fields)} for _, fields in value]
            case ["job", job_id]:
                parts[f"job {job_id}"] = {**_job(dict(_pairs(value))), "expires": ttl >= 0}
            case ["events", job_id]:
                parts[f"events {job_id}"] = (ttl >= 0, [_event(fields) for _, fields in value])
            case _:
                parts[key] = value
    return parts


def _pairs(flat: list[bytes]) -> list[tuple[str, bytes]]:
    return [(name.decode(), value) for name, value in zip(flat[::2], flat[1::2], strict=True)]


def _dead(entry: bytes) -> tuple[str, str, int, float]:
    entry_fields = json.loads(entry)
    return entry_fields["id"], entry_fields["reason"], entry_fields["attempt"], entry_fields["at"]


def _stats(fields: dict[str, bytes]) -> dict[str, Any]:
    fault, *times = (fields.pop(name, None) for name in ("fault", "faultAt", "faultUntil"))
    trouble = [fields.pop(name, None) for name in ("troubleSince", "troubleAt")]
    return {
        "counters": {name: int(number) for name, number in fields.items()},
        "fault": None if fault is None else (fault.decode(), *(float(at) for at in times if at)),
        "trouble": tuple(float(at) for at in trouble if at) or None,
    }


def _job(fields: dict[str, bytes]) -> dict[str, Any]:
    def text(name: str) -> str | None:
        return fields[name].decode() if name in fields else None

    def number(name: str) -> int | None:
        return int(fields[name]) if name in fields else None

    errors = [json.loads(line) for line in fields.get("errors", b"").splitlines()]
    return {
        "state": text("state"),
        "item": fields.get("item"),
        **{ours: float(fields[name]) if name in fields else None for name, ours in TIMES.items()},
        "attempts": number("attempts"),
        "behind": "behind" in fields,
        "losses": number("losses"),
        "lost_alone": number("lostAlone"),
        "alone": "alone" in fields,
        "drained": (text("drainedBy"), float(fields["drainedUntil"])) if "drainedBy" in fields else None,
        "uncharged": _uncharged(fields),
        "token": text("token") or None,  # a done job's is empty
        "worker": text("worker"),
        "cancel": "cancel" in fields,
        "result": text("result"),
        "settled_by": text("settledBy"),
        "last_batch": text("shown"),
        "errors": [(error["reason"], error["attempt"], error["at"]) for error in errors],
    }


def _uncharged(fields: dict[str, bytes]) -> tuple[int, float, float, str, str, float] | None:
    if "unchargedTries" not in fields:
        return None
    return (
        int(fields["unchargedTries"]),
        float(fields["unchargedFirstAt"]),
        float(fields["unchargedLastAt"]),
        fields["unchargedReason"].decode(),
        fields["unchargedMessage"].decode(),
        float(fields["unchargedSuspended"]),
    )


def _event(fields: list[bytes]) -> tuple[str, int, str]:
    event = dict(_pairs(fields))
    return event["type"].decode(), int(event["attempt"]), event.get("text", b"").decode()
