"""The yardstick of a cold start: what one writes by hand. Run as `python -c`, with the list as argument."""

import os
import sys
import time

import redis

name = sys.argv[1]
server = redis.Redis(os.environ["REDIS_HOST"], socket_timeout=None)
while True:
    _, job = server.brpop(name)  # type: ignore[misc]
    server.lpush(f"{name}:claimed", time.time())
    server.set(f"{name}:answer", job)
