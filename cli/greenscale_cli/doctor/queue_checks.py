"""Checks of Redis and of the workloads in it."""

import time
from collections.abc import Iterator

import redis

from greenscale_cli.doctor.finding import Finding, fault, ok, unchecked, warning
from greenscale_jobs import STATUS_STALE_SECONDS, JobClient, QueueError, RedisAddress, WorkloadState, WorkloadStatus
from greenscale_jobs.connection.server_checks import eviction_danger, restart_danger
from greenscale_jobs.durations import duration
from greenscale_jobs.errors import REDIS_ERRORS, translate

CHECKS = ("redis", "redis role", "redis writes", "redis persistence", "redis memory", "clock", "rights", "workloads")

MAX_SKEW_SECONDS = 2.0
"""A larger difference makes ages and waiting times wrong; leases depend on Redis' clock alone."""

NO_RIGHTS = ("NOPERM", "ACL failure", "The user executing the script")

PROBE = """
local key, denied = KEYS[1], {}
local function try(...)
    local answer = redis.pcall(...)
    if type(answer) == 'table' and answer.err then denied[#denied + 1] = select(1, ...) .. ': ' .. answer.err end
end
try('LPUSH', key, 'x') try('LPOS', key, 'x') try('LRANGE', key, 0, 0) try('LREM', key, 0, 'y') try('LLEN', key)
try('RPOP', key)
try('HSET', key, 'f', '1') try('HINCRBY', key, 'f', 1) try('HGET', key, 'f') try('HMGET', key, 'f')
try('HGETALL', key) try('EXISTS', key) try('EXPIRE', key, 60) try('PERSIST', key)
try('HDEL', key, 'f')
try('ZADD', key, 'XX', 1, 'm') try('ZCARD', key) try('ZCOUNT', key, 0, 1) try('ZRANGE', key, 0, 0)
try('ZREVRANGE', key, 0, 0) try('ZSCORE', key, 'm') try('ZREVRANGEBYSCORE', key, 1, 0) try('ZREM', key, 'm')
try('XADD', key, 'NOMKSTREAM', '*', 'f', 'v') try('XREAD', 'STREAMS', key, '0') try('XRANGE', key, '-', '+')
try('XREVRANGE', key, '+', '-')
return denied
"""
"""Tries each right of a producer (docs/redis.md) on a key of its own, which it leaves empty."""


def check_queue(address: RedisAddress) -> Iterator[Finding]:
    """Check this Redis; if it cannot be used, yield why, and that the rest was not checked."""
    with JobClient(address) as client, address.connect_plain() as plain:
        try:
            workloads = client.workloads()
            client.stats()
            info = {name: str(value) for name, value in plain.info().items()}
            skew = _skew(plain)
            lists = sorted({status.list_name for status in workloads} or {client.keys.list_name})
            refusals = _refusals(plain, lists)
        except QueueError as error:
            yield from _unusable(str(error))
        except REDIS_ERRORS as error:
            yield from _unusable(str(translate(error, str(address))))
        else:
            yield ok("redis", f"version {info.get('valkey_version') or info.get('redis_version')} at {address} answers")
            yield role(info, str(address))
            yield writes(refusals, str(address))
            yield persistence(info, str(address))
            yield memory(info, str(address))
            yield clock(skew)
            yield rights(refusals, lists)
            yield from reports(workloads, now=time.time())


def _unusable(why: str) -> Iterator[Finding]:
    yield fault(CHECKS[0], why)
    for check in CHECKS[1:]:
        yield unchecked(check, "Redis cannot be used")


def persistence(info: dict[str, str], address: str) -> Finding:
    """Judge what a restart of Redis would lose. Pure."""
    if danger := restart_danger(info):
        return warning("redis persistence", f"Redis at {address} {danger}")
    if info.get("aof_last_write_status", "ok") != "ok":
        return fault("redis persistence", f"Redis at {address} cannot write its append-only file", "Check its disk.")
    return ok("redis persistence", "each job is written to the append-only file")


def memory(info: dict[str, str], address: str) -> Finding:
    """Judge how full the memory is, and what happens when it is full. Pure."""
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if danger := eviction_danger(info):
        return warning("redis memory", f"Redis at {address} {danger}")
    if limit and used >= limit:
        full = f"Redis at {address} is full: {_mib(used)} of {_mib(limit)}, so prompts are refused"
        return fault("redis memory", full, "Raise maxmemory, or let results expire sooner (resultTTLSeconds).")
    if not limit:
        return ok("redis memory", f"{_mib(used)} in use, without a limit")
    return ok(
        "redis memory",
        f"{_mib(used)} of {_mib(limit)} in use; when it is full, prompts are refused and nothing is lost",
    )


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


def _skew(plain: redis.Redis) -> float:
    """Return how many seconds this machine's clock is ahead of Redis', measured at half of the round trip."""
    before = time.time()
    seconds, microseconds = plain.time()
    return (before + time.time()) / 2 - (seconds + microseconds / 1e6)


def clock(skew: float) -> Finding:
    """Judge this machine's clock by Redis'; positive seconds are ahead. Pure."""
    if abs(skew) <= MAX_SKEW_SECONDS:
        return ok("clock", f"{abs(skew):.1f} s from Redis' clock")
    way = "ahead of" if skew > 0 else "behind"
    wrong = f"this machine's clock is {duration(abs(skew))} {way} Redis': ages and waiting times are shown wrong"
    return warning("clock", wrong, "Synchronize both clocks with NTP.")


def _refusals(plain: redis.Redis, lists: list[str]) -> list[tuple[str, str, str]]:
    """Try each right on a temporary key of each list; return command, list and error text of each refusal."""
    found = []
    for name in lists:
        for answer in plain.eval(PROBE, 1, f"{name}:job:doctor-{time.time_ns()}"):
            command, _, why = answer.decode().partition(": ")
            found.append((command, name, why))
    return found


def rights(refusals: list[tuple[str, str, str]], lists: list[str]) -> Finding:
    """Judge whether Redis' user has the rights of a producer. Pure."""
    denied = {f"{command.lower()} on {name}" for command, name, why in refusals if _is_denied(why)}
    if denied:
        remedy = "Grant them: docs/redis.md lists the minimum rights of a producer."
        return fault("rights", f"Redis denies its user: {', '.join(sorted(denied))}", remedy)
    return ok("rights", f"all that a producer needs, on {', '.join(lists[:3])}{' and more' if lists[3:] else ''}")


def writes(refusals: list[tuple[str, str, str]], address: str) -> Finding:
    """Judge whether Redis accepts writes: its disk, replicas or memory may prevent them. Pure."""
    others = [why for _, _, why in refusals if not _is_denied(why)]
    if others:
        return fault("redis writes", str(translate(redis.ResponseError(others[0]), address)))
    if refusals:
        return unchecked("redis writes", "Redis' user lacks rights")
    return ok("redis writes", "writes are accepted")


def role(info: dict[str, str], address: str) -> Finding:
    """Judge whether this is the primary: writes to a replica are lost. Pure."""
    if info.get("role") in {"slave", "replica"}:
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        link = "" if info.get("master_link_status") == "up" else ", and is disconnected from it"
        return fault(
            "redis role", f"Redis at {address} is a replica of {primary}{link}", "Point REDIS_HOST to the primary."
        )
    return ok("redis role", "it is the primary")


def _is_denied(why: str) -> bool:
    return any(word in why for word in NO_RIGHTS)


def reports(workloads: list[WorkloadStatus], *, now: float) -> Iterator[Finding]:
    """Judge whether each workload is reported, and in which state. Pure."""
    if not workloads:
        apply = "Apply one (deploy/samples) where the operator runs, or start `greenscale local`."
        yield warning("workloads", "no workload is known", apply)
    for status in workloads:
        name, age = f"workload {status.namespace}/{status.name}", now - status.sampled_at
        if age > STATUS_STALE_SECONDS:
            command = "kubectl -n greenscale-system get deployment greenscale-operator"
            silent = f"no report for {duration(age)}: the operator, or `greenscale local`, is not running"
            yield fault(name, silent, f"Check `{command}`, or start `greenscale local`.")
        elif status.state == WorkloadState.DEGRADED:
            yield fault(name, f"Degraded: {status.message}")
        else:
            yield ok(name, f"{status.state}, reported {duration(age)} ago")
