"""Whether the operator does its work: for the kubelet's probes."""

import time
from collections.abc import Callable

from aiohttp import web

STUCK_SECONDS = 300.0
"""A workload that waits for its turn this long waits for ever."""


class Health:
    """Asks its checks: each returns what is wrong, or None."""

    def __init__(self, checks: list[Callable[[], str | None]]) -> None:
        self._checks = checks
        self.leading = False
        self._started_at = time.time()

    def problems(self) -> list[str]:
        """Return everything that is wrong."""
        return [problem for problem in (check() for check in self._checks) if problem]

    async def serve(self, port: int) -> web.AppRunner:
        """Answer GET /healthz: 200 and the role, or 503 and what is wrong."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=port).start()
        return runner

    async def _answer(self, _: web.Request) -> web.Response:
        problems = self.problems()
        if problems:
            return web.Response(status=503, text="; ".join(problems) + "\n")
        return web.Response(text="leading\n" if self.leading else "standing by\n")
