"""Where the page finds Redis: the environment, and beneath it `.env` in the working directory."""

import os

from dotenv import dotenv_values

from greenscale_jobs import RedisAddress
from greenscale_jobs.keys import DEFAULT_LIST


def read_settings() -> tuple[RedisAddress, str]:
    """Return Redis' address and the list to show where no workload is known.

    Raises:
        ValueError: A variable is wrong; the text names it.
    """
    told = {name: value or "" for name, value in dotenv_values(".env").items()}
    environment = {**told, **os.environ}
    return RedisAddress.from_environment(environment), environment.get("GREENSCALE_QUEUE") or DEFAULT_LIST
