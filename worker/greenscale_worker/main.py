"""Starts a worker from its environment and ends it at SIGTERM."""

import asyncio
import os
import signal
import sys

from greenscale_jobs import JobQueue
from greenscale_jobs.connection.environment import InvalidEnvFile, with_file
from greenscale_jobs.usage import refuse_arguments
from greenscale_worker.engines import Engine
from greenscale_worker.errors import CredentialsRefused, EngineError
from greenscale_worker.liveness import Pulse, serve_liveness
from greenscale_worker.logs import Log
from greenscale_worker.settings import InvalidSettings, Settings, read_settings
from greenscale_worker.usage import ABOUT
from greenscale_worker.worker import Worker

REFUSED_STATUS = 3
"""The exit status where the credentials are refused and a restart may read others."""

IGNORED = (
    "this worker does not know them; if the operator set them, it is newer: set spec.worker.image to its version, "
    "or remove it"
)


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
    """Work until a signal: the first drains within the grace period, a second hands back at once."""
    log = Log(settings.log_format, worker=settings.worker)
    if settings.unknown:
        log.warning("settings_ignored", names=", ".join(settings.unknown), why=IGNORED)
    pulse = Pulse()
    engine = make_engine(settings)
    async with JobQueue(settings.redis, settings.queue, limits=settings.limits) as queue:
        worker = Worker(settings, queue, engine, log=log, pulse=pulse)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        server = await serve_liveness(pulse, settings.liveness_port) if settings.liveness_port else None
        try:
            await worker.run()
        finally:
            log.flush()
            if server:
                server.close()
            await engine.aclose()


def make_engine(settings: Settings) -> Engine:
    """Return the engine that the settings name; `openai` is imported only for the one that needs it."""
    if settings.engine == "Echo":
        from greenscale_worker.engines.echo import Echo  # noqa: PLC0415

        return Echo()
    from greenscale_worker.engines.openai import OpenAIEngine  # noqa: PLC0415
    from greenscale_worker.engines.server import ServerEngine, own_server  # noqa: PLC0415

    is_server = settings.engine == "Server"
    asked = OpenAIEngine(
        model=settings.model,
        api_key=settings.api_key,
        base_url=settings.base_url,
        defaults=settings.parameters,
        concurrency=settings.concurrency,
        answer_seconds=settings.job_timeout_seconds,
        max_answer_bytes=settings.max_answer_bytes,
        proxy=settings.proxy,
        place=own_server(settings.model) if is_server else None,
    )
    if not is_server or settings.server_ready_url is None:
        return asked
    return ServerEngine(
        asked, ready_url=settings.server_ready_url, startup_seconds=settings.server_startup_timeout_seconds
    )


def _complaint(error: Exception | str) -> int:
    print(f"greenscale-worker: {error}", file=sys.stderr)  # noqa: T201
    return 2
