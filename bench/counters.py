"""What a process and a Redis have used up so far: read twice, the difference is a measurement."""

import psutil
import redis


def cpu_seconds(process_id: int) -> float:
    """Return the CPU of a process and all its children, those that ended too."""
    root = psutil.Process(process_id)
    alive = [root, *root.children(recursive=True)]
    times = [process.cpu_times() for process in alive]
    return sum(each.user + each.system for each in times) + times[0].children_user + times[0].children_system


def redis_cpu_seconds(plain: redis.Redis) -> float:
    """Return the CPU that Redis has used, as it reports it itself."""
    used = plain.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def redis_commands(plain: redis.Redis) -> int:
    """Return how many commands Redis has run, those within scripts too; this question counts as one."""
    return int(plain.info("stats")["total_commands_processed"])
