"""Checks by its INFO whether a Redis can keep queues, and how its settings may lose jobs.

Pure: `address` sends INFO.
"""

from collections.abc import Mapping

OLDEST = (6, 2)
"""The first version with BLMOVE, and with a count for LPOP and RPOP."""


def read_info(reply: bytes) -> dict[str, str]:
    """Turn the reply to INFO into its fields, of all sections."""
    lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def refusal(info: Mapping[str, str]) -> str | None:
    """Return why this server cannot keep queues, what to do about it included; None where it can.

    `info` is the section `server`. The text continues "Redis at host:port".
    """
    match info.get("redis_mode") or info.get("server_mode"):  # Valkey has the second name
        case "sentinel":
            return (
                "is a Sentinel, which keeps no data: point REDIS_HOST and REDIS_PORT to a Service or name "
                "that follows the primary it watches"
            )
        case "cluster":
            return (
                "is a node of a Redis Cluster, which is not supported: use a single primary, "
                "with replicas and a name that follows it if it must survive a node"
            )
    version = info.get("redis_version", "")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < OLDEST:
        return f"is version {version}, which is too old: use Redis {OLDEST[0]}.{OLDEST[1]} or newer, or Valkey"
    return None


def dangers(info: Mapping[str, str]) -> list[str]:
    """Return in which ways this server may lose jobs by how it is set up, with the remedies.

    `info` has the sections `memory` and `persistence`. The texts continue "Redis at host:port".
    """
    return [danger for danger in (eviction_danger(info), restart_danger(info)) if danger]


def eviction_danger(info: Mapping[str, str]) -> str | None:
    """Return what a full memory may cost, by the section `memory`."""
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction" or info.get("maxmemory") == "0":
        return None
    return f"throws jobs or results away when its memory is full: set maxmemory-policy to noeviction, not {policy}"


def restart_danger(info: Mapping[str, str]) -> str | None:
    """Return what a restart may cost, by the section `persistence`."""
    if info.get("aof_enabled") != "0":
        return None
    return "loses jobs when it restarts, for it has no append-only file: set appendonly to yes"
