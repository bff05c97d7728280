"""Starts a worker with the settings of its environment and ends it at SIGTERM."""

import asyncio
import logging
import os
import signal
import sys

from greenscale_jobs import JobQueue
from greenscale_jobs.connection.environment import InvalidEnvFile, with_file
from greenscale_jobs.usage import refuse_arguments
from greenscale_worker.errors import CredentialsRefused, EngineError
from greenscale_worker.library_logs import LibraryLogs
from greenscale_worker.liveness import Pulse, serve_liveness
from greenscale_worker.logs import Log
from greenscale_worker.observe import Observer
from greenscale_worker.settings import InvalidSettings, Settings, read_settings
from greenscale_worker.usage import ABOUT
from greenscale_worker.worker import Worker

REFUSED_STATUS = 3
"""The exit status where the credentials are refused and a restart may read others."""


def main() -> None:
    """Run until SIGTERM or SIGINT; exits with 1 where the engine never gets ready, with 2 for a wrong start."""
    refuse_arguments(sys.argv[1:], program="greenscale-worker", about=ABOUT)
    try:
        settings = read_settings(with_file(os.environ), process_id=os.getpid())
    except (InvalidSettings, InvalidEnvFile) as error:
        sys.exit(_complaint(error))
    try:
        asyncio.run(run(settings))
    except EngineError as error:
        sys.exit(f"greenscale-worker: {error}")
    except CredentialsRefused as error:
        _complaint(f"{str(error).rstrip('.')}. The worker ends: its restart reads the Secret again.")
        sys.exit(REFUSED_STATUS)


async def run(settings: Settings) -> None:
    """Work until a signal: the first drains within the grace period, a second releases the jobs at once."""
    observer = Observer(Log(settings.log_format, worker=settings.worker))
    logging.getLogger().addHandler(LibraryLogs(observer, secrets=settings.secrets))
    if settings.unknown:
        observer.settings_ignored(settings.unknown)
    pulse = Pulse()
    runner = settings.runner.make(settings.common)
    async with JobQueue(settings.redis, settings.queue, limits=settings.limits) as queue:
        worker = Worker(settings, queue, runner, observer=observer, pulse=pulse)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        server = await serve_liveness(pulse, settings.liveness_port) if settings.liveness_port else None
        try:
            await worker.run()
        finally:
            observer.flush()
            if server:
                server.close()
            await runner.aclose()


def _complaint(error: Exception | str) -> int:
    print(f"greenscale-worker: {error}", file=sys.stderr)  # noqa: T201
    return 2
