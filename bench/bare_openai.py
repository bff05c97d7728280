"""The yardstick of a worker with a model: imports `openai`, takes a job, makes one call, stores the answer.

python bench/bare_openai.py PORT BASE_URL
"""

import json
import sys

from openai import OpenAI
from redis import Redis

redis = Redis(port=int(sys.argv[1]), socket_timeout=None)
client = OpenAI(api_key="none", base_url=sys.argv[2])
_, raw = redis.brpop("floor")  # type: ignore[misc]
job = json.loads(raw)
stream = client.chat.completions.create(
    model="echo", messages=[{"role": "user", "content": job["prompt"]}], stream=True
)
answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
redis.lpush(f"floor:result:{job['id']}", answer)
