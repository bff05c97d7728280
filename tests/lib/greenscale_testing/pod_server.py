"""Our OpenAI-compatible server for a pod: it dies of one prompt, and it knows one key.

    python -m greenscale_testing.pod_server --port 8000

A prompt `poison` eats the pod's memory, as a prompt too long for a GPU does. The model `moody` answers a prompt that
begins with `slow` a word at a time, and `keyed` whoever has the key `sk-right`. In the pod only `openai_server` is
beside it.
"""

import argparse
import asyncio
import os

from aiohttp import web

from greenscale_testing.openai_server import OpenAIServer, serving

RIGHT_KEY = "sk-right"

MORE_THAN_THE_LIMIT = 1 << 30


class PodServer(OpenAIServer):
    """Dies of poison, and looks at the key itself."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or die of it."""
        self.key_is_good = request.headers.get("Authorization") == f"Bearer {RIGHT_KEY}"
        body = await request.json()
        if body["messages"][-1]["content"] == "poison":
            await asyncio.sleep(0.5)  # so that those beside it are under way
            self.eaten = b"x" * MORE_THAN_THE_LIMIT
            os._exit(137)  # where nothing limits the memory
        return await super().answer(request)


async def _main(port: int) -> None:
    async with serving(port, "0.0.0.0", PodServer()):
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    asyncio.run(_main(parser.parse_args().port))
