"""`greenscale local`: starts Redis, the workers and the page, and ends them all."""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from greenscale_cli import endpoint
from greenscale_cli.choose import environment_with_file
from greenscale_cli.endpoint import Endpoint, RedisEndpoint
from greenscale_cli.exits import CommandError
from greenscale_cli.local.autoscaler import ScaledObject
from greenscale_cli.local.child import Child
from greenscale_cli.local.errors import LocalModeError
from greenscale_cli.local.page import start_page
from greenscale_cli.local.pool import WorkerPool, worker_environment
from greenscale_cli.local.ports import free_port
from greenscale_cli.local.private_redis import start_redis
from greenscale_cli.local.resource import load_resource
from greenscale_cli.local.supervisor import Supervisor
from greenscale_cli.streams import OutputLost, drop_stdout, readable
from greenscale_jobs import Fleet, JobQueue, RedisAddress, Resource
from greenscale_operator import manifest
from greenscale_operator.redaction import redact
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.tenant import limits_of
from greenscale_operator.workload import parse

STAND_IN = """\
GreenScale local: this machine stands in for Kubernetes, KEDA and the HPA.
Same resource, same queue, real worker processes; for trying out and developing, not for production."""

CHILD_END_SECONDS = 10.0
"""How long Redis and the page may take to end."""

RESTART_SECONDS = 1.0
"""How soon Redis or the page is started again after it ended by itself."""


PACKAGES = ("aiohttp", "altair", "dotenv", "openai", "streamlit")
"""What the extra `local` brings beside `cli`; only the processes of the page and of the workers import them."""


def missing_package() -> str | None:
    """Return a package of the extra `local` that is not installed; None where all are."""
    return next((name for name in PACKAGES if importlib.util.find_spec(name) is None), None)


def run(file: Path | None, *, page: bool, run_dir: Path, try_prompt: str | None = None) -> int:
    """Run a workload here until Ctrl-C or SIGTERM; returns the exit status.

    `file` None is `examples/local.yaml`, with the engine OpenAI where OPENAI_API_KEY is set.
    """
    try:
        with _only_instance(run_dir):
            environment = _environment()
            resource = load_resource(file, environment)
            asyncio.run(_Local(resource, run_dir, environment).run(page=page, try_prompt=try_prompt))
    except LocalModeError as error:
        return _complain(str(error))
    except OSError as error:  # the disk is full, say
        return _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
    return 0


class _Local:
    """One running instance; what is started last is ended first."""

    def __init__(self, resource: dict[str, Any], run_dir: Path, environment: Mapping[str, str]) -> None:
        self._resource, self._workload = resource, parse(resource)
        self._run_dir = run_dir
        self._environment = environment
        self._stop = asyncio.Event()

    async def run(self, *, page: bool, try_prompt: str | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        say(STAND_IN)
        async with AsyncExitStack() as stack:
            redis = RedisAddress("127.0.0.1", free_port(6379))
            await self._keep(stack, "Redis", partial(start_redis, self._run_dir, redis))
            queue = await stack.enter_async_context(self._queue(redis))
            url = await self._start_page(stack, redis) if page else None
            endpoint.write(self._run_dir, Endpoint(RedisEndpoint(redis.host, redis.port), url, os.getpid()))
            stack.callback(endpoint.remove, self._run_dir)
            await self._supervise(stack, queue)
            self._introduce(redis, url)
            if try_prompt:
                await self._unless_stopped(_try(queue, try_prompt))
            if url:
                say(f"The page is at {url}. Ctrl-C ends everything.")
            await self._stop.wait()
            say("Ending: workers finish what they run (Ctrl-C again: hand it back) ...")

    def _queue(self, redis: RedisAddress) -> JobQueue:
        return JobQueue(redis, self._workload.list_name, limits=limits_of(self._workload))

    async def _start_page(self, stack: AsyncExitStack, redis: RedisAddress) -> str:
        say("Starting the page ...")
        port = free_port(8501)
        await self._keep(stack, "the page", partial(start_page, self._run_dir, port, redis, self._environment))
        return f"http://127.0.0.1:{port}"

    async def _keep(self, stack: AsyncExitStack, name: str, start: Callable[[], Awaitable[Child]]) -> None:
        """Start a child, start it again whenever it ends by itself, and end it with the stack."""
        child = await start()

        async def watch() -> None:
            nonlocal child
            while True:
                status = await child.ended()
                say(f"{name} ended with status {status}; starting it again. Log: {child.log}")
                await asyncio.sleep(RESTART_SECONDS)
                with contextlib.suppress(LocalModeError):
                    child = await start()

        async def end() -> None:
            await _cancel(watcher)
            await child.end(within_seconds=CHILD_END_SECONDS)

        watcher = asyncio.create_task(watch())
        stack.push_async_callback(end)

    async def _supervise(self, stack: AsyncExitStack, queue: JobQueue) -> None:
        manifests = {manifest["kind"]: manifest for manifest in manifest.manifests(self._workload, Keda())}
        pool = self._pool(manifests["Deployment"], queue.address)
        supervisor = Supervisor(
            self._workload,
            ScaledObject.read(manifests["ScaledObject"]),
            queue,
            await stack.enter_async_context(Fleet(queue.address)),
            pool,
            resource=Resource(redact(self._resource), redact(manifests["ScaledObject"])),
            say=say_state,
        )
        await supervisor.configure()
        stack.push_async_callback(self._drain, pool)
        task = asyncio.create_task(supervisor.run())
        task.add_done_callback(lambda _: self._stop.set())
        stack.push_async_callback(_cancel, task)

    def _pool(self, deployment: dict[str, Any], redis: RedisAddress) -> WorkerPool:
        return WorkerPool(
            self._workload.name,
            worker_environment(deployment, redis, self._environment),
            grace_seconds=deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
            logs=self._run_dir / "logs",
            say=say,
        )

    async def _drain(self, pool: WorkerPool) -> None:
        """End the workers; a second Ctrl-C makes them release what they run."""
        self._stop.clear()
        ending = asyncio.create_task(pool.end())
        await self._unless_stopped(asyncio.shield(ending))
        pool.hurry()
        await ending

    async def _unless_stopped(self, awaitable: Awaitable[object]) -> None:
        task = asyncio.ensure_future(awaitable)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            await _cancel(task)

    def _introduce(self, redis: RedisAddress, url: str | None) -> None:
        scaling = self._workload.scaling
        kept = self._run_dir / "redis"
        rest = f"{scaling.min_replicas} again" if scaling.min_replicas else "asleep"
        say(f"""
  workload  {self._workload.name}: engine {self._workload.engine.type}, {scaling.min_replicas} to \
{scaling.max_replicas} workers, {rest} {scaling.cooldown_period} s after the last job
  queue     list {self._workload.list_name} in Redis at {redis} (kept in {kept}, so jobs survive a restart)
  page      {url or "none (--no-page)"}
  send      greenscale submit --stream "Hello"    or    redis-cli -p {redis.port} LPUSH \
{self._workload.list_name} "Hello"
  logs      {self._run_dir / "logs"}
""")


async def _try(queue: JobQueue, prompt: str) -> None:
    """Send one prompt and show how it is answered."""
    started = time.monotonic()
    job_id = await queue.submit(prompt)
    say(f"> {prompt}    (job {job_id})")
    async for event in queue.events(job_id):
        if event.final:
            job = await queue.job(job_id)
            seconds = time.monotonic() - started
            how = job.result if job.result is not None else f"{job.state}: {job.error and job.error.message}"
            say(f"< {how}    ({seconds:.1f} s, from zero workers)")


async def _cancel(task: "asyncio.Future[Any]") -> None:
    """Cancel a task and wait for its end; an error that ended it before is raised here."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _complain(text: str) -> int:
    print(f"greenscale local: {text}", file=sys.stderr)  # noqa: T201
    return 2


def say(text: str) -> None:
    """Print a line for the person at the terminal; where nobody reads it any more, the workload goes on."""
    try:
        print(readable(text), flush=True)  # noqa: T201
    except OutputLost as lost:
        drop_stdout()
        print(f"greenscale local: {lost}; the workload goes on", file=sys.stderr)  # noqa: T201


def say_state(state: str, message: str) -> None:
    """Print a change of state, with the time."""
    say(f"{time.strftime('%H:%M:%S')}  {state:<12}  {message}")


def _environment() -> dict[str, str]:
    """Return our environment, and beneath it the `.env` file of the working directory."""
    try:
        return environment_with_file()
    except CommandError as error:
        raise LocalModeError(str(error)) from None


@contextlib.contextmanager
def _only_instance(run_dir: Path) -> Iterator[None]:
    """Hold the run directory's lock; the kernel frees it whatever becomes of us."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock = (run_dir / "lock").open("w")
    except OSError as error:
        raise LocalModeError(f"--run-dir {run_dir} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = endpoint.read(run_dir)
            where = f" (process {running.pid}, page {running.page or 'none'})" if running else ""
            raise LocalModeError(
                f"an instance runs in {run_dir} already{where}; end it, or give another --run-dir"
            ) from None
        yield
