"""The yardstick of an idle worker: a loop that pings Redis now and then, and nothing else.

python bench/idle_loop.py PORT SECONDS
"""

import sys
import time

import redis

plain = redis.Redis(port=int(sys.argv[1]))
while True:
    plain.ping()
    time.sleep(float(sys.argv[2]))
