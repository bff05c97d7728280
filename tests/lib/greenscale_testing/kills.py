"""One life of a process that is killed at a chosen point, and what must hold of its queue afterwards."""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import redis

from greenscale_jobs import Job, JobClient, JobQueue, JobState, Keys, RedisAddress, UnknownJob
from greenscale_jobs.keys import RESOURCES, WORKLOADS
from greenscale_testing import roles
from greenscale_testing.kill_proxy import PACKAGE, Kill, KillProxy
from greenscale_testing.mutants import TESTING

LEASE_SECONDS = 2
"""Renewed at a third of it: a machine that is busy with several such lives must not let one run out by itself."""

PATIENCE_SECONDS = 60.0
"""What is not final by then is lost."""

LONG = " ".join("word" for _ in range(18))
"""Echo says it in 0.9 s: longer than a renewal is away."""

NEVER = "never"
"""A point that no process passes: who waits for it waits for the kill."""

FINAL_KEYS = {
    *(f"jobs:{part}" for part in ("dead", "done", "config", "stats", "history", "starts", "workers")),
    WORKLOADS,
    RESOURCES,
}
"""What may be left beside the jobs when all are final."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What the process is that will be killed, and what it has to do."""

    name: str
    module: tuple[str, ...] = ("greenscale_worker",)
    prompts: tuple[str, ...] = (LONG, LONG, LONG)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    package: Path = PACKAGE
    """The queue that it uses: a broken one, if it is to."""
    patience_seconds: float = PATIENCE_SECONDS
    sigterm_after: str | None = None
    """The point after which it gets SIGTERM; else when all jobs are final."""

    @property
    def works(self) -> bool:
        """Whether it is a worker."""
        return self.module == ("greenscale_worker",)


def scenarios(url: str) -> list[Scenario]:
    """Return all; `url` is the OpenAI server's."""

    def openai(model: str) -> dict[str, str]:
        settings = {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "GREENSCALE_MODEL": model}
        # The import of `openai` holds up everything else in the process, the longer the busier the machine.
        return {**settings, "GREENSCALE_BACKOFF_INITIAL_SECONDS": "0.1", "GREENSCALE_LEASE_SECONDS": "10"}

    one = ("a prompt",)
    return [
        Scenario("a batch of two of three jobs", environment={"GREENSCALE_CONCURRENCY": "2"}),
        Scenario("draining", environment={"GREENSCALE_GRACE_SECONDS": "0"}, sigterm_after="emit"),
        Scenario("the engine answers", prompts=one, environment=openai("echo")),
        Scenario("the engine refuses the job", prompts=one, environment=openai("400")),
        Scenario("nobody is answered", prompts=one, environment=openai("500"), sigterm_after="give_up behind"),
        Scenario("the engine is in trouble", prompts=one, environment=openai("503"), sigterm_after="give_up postpone"),
        Scenario(
            "one job fails beside others",
            prompts=("good", "refuse 500 99 late"),
            environment=openai("moody"),
            sigterm_after="give_up retry",
        ),
        Scenario("the engine is lost", prompts=one, environment=openai("half-and-gone"), sigterm_after="give_up lost"),
        Scenario(
            "the engine refuses in doubt",
            prompts=one,
            environment={**openai("403"), "GREENSCALE_MAX_ATTEMPTS": "1"},
            sigterm_after="report_fault",
        ),
        Scenario("a producer", module=("greenscale_testing.roles", "producer"), prompts=()),
        Scenario("the operator tends", module=("greenscale_testing.roles", "tender"), prompts=()),
    ]


@dataclasses.dataclass
class Outcome:
    """What came of one life."""

    passed: Counter[str]
    killed: bool
    jobs: int = 0
    lost: int = 0
    started_twice: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)


async def live(scenario: Scenario, address: RedisAddress, folder: Path, kill: Kill | None = None) -> Outcome:
    """Run a process until its end or its kill; then have another worker finish everything, and look.

    The other worker is there as soon as the first has jobs, so that it could take them from the living.
    """
    with redis.Redis(port=address.port, db=address.database) as plain, JobClient(address) as client:
        plain.flushdb()
        ids = {client.submit(prompt) for prompt in scenario.prompts} | await _prepared(scenario, address)
        async with KillProxy(address, kill, package=scenario.package) as proxy, contextlib.AsyncExitStack() as stack:
            victim = proxy.victim = await stack.enter_async_context(_process(scenario, address, proxy.port, folder))
            rescue = asyncio.create_task(
                _rescue(scenario, proxy, client, ids, address, folder) if kill else asyncio.sleep(0)
            )
            await _end(scenario, proxy, victim, client, ids)
            acknowledged = (await victim.stdout.read()).decode().split() if victim.stdout else []
            outcome = Outcome(proxy.passed, killed=proxy.killed_at is not None)
            if kill is not None and not outcome.killed:
                rescue.cancel()
                await asyncio.gather(rescue, return_exceptions=True)
                return outcome
            ids |= set(acknowledged) | _ids(plain)
            await rescue
        if kill is not None:
            _check(outcome, client, plain, ids | _ids(plain), killed_at=proxy.killed_at or 0.0)
        return outcome


async def _end(
    scenario: Scenario, proxy: KillProxy, victim: asyncio.subprocess.Process, client: JobClient, ids: set[str]
) -> None:
    """Tell a worker to end at its time, and wait for its end."""
    ended = asyncio.create_task(victim.wait())
    if scenario.works:
        if scenario.sigterm_after:
            trigger = asyncio.create_task(proxy.until(scenario.sigterm_after))
        else:
            trigger = asyncio.create_task(_all_final(client, ids))
        first, _ = await asyncio.wait({ended, trigger}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert first, f"{scenario.name}: it came to no end, nor to {scenario.sigterm_after or 'the end of its jobs'}"
        trigger.cancel()
        with contextlib.suppress(ProcessLookupError):
            victim.terminate()
    await ended


async def _rescue(
    scenario: Scenario, proxy: KillProxy, client: JobClient, ids: set[str], address: RedisAddress, folder: Path
) -> None:
    await proxy.until("claim")
    rescuer = Scenario("rescuer", package=scenario.package)
    async with _process(rescuer, address, address.port, folder) as process:
        await proxy.until(NEVER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scenario.patience_seconds):
                await _all_final(client, ids)
        process.terminate()
        await process.wait()


async def _all_final(client: JobClient, ids: set[str]) -> None:
    """Wait until every job is final, whoever submitted it."""
    while True:
        stats = client.stats()
        if not stats.work and not stats.delayed and all(_is_final(client, job_id) for job_id in ids):
            return
        await asyncio.sleep(0.05)  # the end is found only by asking; the processes need the turn


def _is_final(client: JobClient, job_id: str) -> bool:
    try:
        return client.job(job_id).state.final
    except UnknownJob:
        return False


@contextlib.asynccontextmanager
async def _process(
    scenario: Scenario, address: RedisAddress, port: int, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "GREENSCALE"))}
    settings = {"REDIS_HOST": address.host, "REDIS_PORT": str(port), "REDIS_DB": str(address.database)}
    settings["PYTHONPATH"] = f"{scenario.package.parent}{os.pathsep}{TESTING}"
    if scenario.works:
        settings |= {"GREENSCALE_ENGINE": "Echo", "GREENSCALE_LEASE_SECONDS": str(LEASE_SECONDS)}
        settings["GREENSCALE_WORKER"] = "rescuer" if scenario.name == "rescuer" else "victim"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *scenario.module,
        env={**ours, **settings, **scenario.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _prepared(scenario: Scenario, address: RedisAddress) -> set[str]:
    """Leave what those who are no workers find: a dead job; an expired lease, a due retry, a stranded claim."""
    if scenario.works:
        return set()
    long_ago = time.time() - 1000
    async with JobQueue(address, clock=lambda: long_ago) as queue:
        ids = [await queue.submit("hi", job_id=job_id) for job_id in (*roles.DEAD, "expired", "due", "stranded")]
        *dead, _, due = await queue.claim("gone", 4) or []
        for claim in dead:
            await queue.bury(claim, "Reason", "a message")
        await queue.retry(due, "Reason", "a message", delay_seconds=1)
        with redis.Redis(port=address.port, db=address.database) as plain:
            plain.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")
    return set(ids)


def _ids(plain: redis.Redis) -> set[str]:
    return {key.decode().removeprefix("jobs:job:") for key in plain.scan_iter("jobs:job:*")}


def _check(outcome: Outcome, client: JobClient, plain: redis.Redis, ids: set[str], *, killed_at: float) -> None:
    """Note what does not hold now that everything should be final."""
    outcome.jobs = len(ids)
    for job_id in sorted(ids):
        _look_at_job(outcome, client, job_id, killed_at)
    many = len(ids & set(roles.MANY))
    if many not in {0, len(roles.MANY)}:
        outcome.wrong.append(f"{many} of {len(roles.MANY)} jobs that go together were submitted")
    jobs = [client.job(job_id) for job_id in ids & _ids(plain)]
    counters = client.stats().counters
    expected = _counters(jobs)
    if {name: counters.get(name, 0) for name in expected} != expected:
        outcome.wrong.append(f"the counters are {counters}, the jobs {expected}")
    keys = Keys("jobs")
    kept = [job.id for job in jobs if job.state is not JobState.DEAD and plain.ttl(keys.job(job.id)) < 0]
    if kept:
        outcome.wrong.append(f"{kept} are over and never expire")
    allowed = FINAL_KEYS | {keys.job(job_id) for job_id in ids} | {keys.events(job_id) for job_id in ids}
    left = {key.decode() for key in plain.scan_iter()} - allowed
    if left:
        outcome.wrong.append(f"keys are left behind: {sorted(left)}")


def _counters(jobs: Sequence[Job]) -> dict[str, int]:
    """Return what the queue must have counted."""
    states = Counter(job.state for job in jobs)
    sent_again = sum(job.id in roles.DEAD and job.state is not JobState.DEAD for job in jobs)
    expired = [job.state for job in jobs for error in job.errors if error.reason == "WorkerLost"]
    return {
        "submitted": len(jobs),
        "done": states[JobState.DONE],
        "tokens": sum((job.outcome and job.outcome.usage and job.outcome.usage.total) or 0 for job in jobs),
        "cancelled": states[JobState.CANCELLED],
        "dead": states[JobState.DEAD] + sent_again,
        "expired": len(expired) - expired.count(JobState.DEAD),
    }


def _look_at_job(outcome: Outcome, client: JobClient, job_id: str, killed_at: float) -> None:
    try:
        job = client.job(job_id)
    except UnknownJob as error:
        outcome.lost += 1
        outcome.wrong.append(f"{job_id}: {error}")
        return
    if not job.state.final:
        outcome.lost += 1
        outcome.wrong.append(f"{job_id} is {job.state}")
    events = client.next_events(job_id)
    ends = [event.type for event in events if event.final]
    redriven = job_id in roles.DEAD and ends[:1] == ["dead"]
    if ends[int(redriven and len(ends) > 1) :] != [job.state]:
        outcome.wrong.append(f"{job_id} is {job.state} and ended as {ends}")
    if job.state is JobState.DONE and job.result != job.prompt:
        outcome.wrong.append(f"{job_id} has another's result")
    claims = [event for event in events if event.type == "claimed"]
    for first, _ in itertools.pairwise(claims):
        taken = [error.at for error in job.errors if error.reason == "WorkerLost"]
        if first.text == "victim" and any((at or 0.0) < killed_at for at in taken):
            outcome.started_twice += 1
    between = [event.type for event in events if event.type in {"claimed", "waiting", "delayed"}]
    if any(pair == ("claimed", "claimed") for pair in itertools.pairwise(between)):
        outcome.started_twice += 1
