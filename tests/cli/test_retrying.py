"""`greenscale jobs retry`: retries dead jobs, some or all."""

import signal
import subprocess
from collections.abc import Callable

import pytest
import redis

from greenscale_cli.exits import Exit
from greenscale_jobs import JobQueue, JobState, new_item
from greenscale_jobs.producer import REDRIVE_BATCH
from greenscale_testing.tcp_proxy import TcpProxy

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Refused = Callable[..., str]


async def bury(queue: JobQueue, *job_ids: str) -> None:
    """Make dead jobs."""
    for job_id in job_ids:
        await queue.submit("hi", job_id=job_id)
        (claim,) = await queue.claim("w") or []
        await queue.bury(claim, "Refused", "the server answered 400")


async def test_more_dead_than_one_step_takes_are_retried(
    greenscale: Greenscale, queue: JobQueue, raw: redis.Redis
) -> None:
    await queue.submit_many([new_item("hi") for _ in range(700)])
    for claim in await queue.claim("w", 700) or []:
        await queue.bury(claim, "Refused", "400")
    raw.config_resetstat()
    ran = greenscale("jobs", "retry", "--all-dead")
    popped = raw.info("commandstats")["cmdstat_rpop"]["calls"]

    assert (ran.returncode, ran.stderr, len(set(ran.stdout.split()))) == (0, "", 700)
    assert (raw.llen("jobs"), raw.llen("jobs:dead")) == (700, 0)
    assert popped == -(-700 // REDRIVE_BATCH), "no step holds Redis for longer than a batch of jobs takes"


async def test_dead_jobs_are_retried(greenscale: Greenscale, queue: JobQueue) -> None:
    await bury(queue, "a", "b", "c")
    some = greenscale("jobs", "retry", "a", "b")
    states = [(await queue.job(job_id)).state for job_id in ("a", "b", "c")]

    assert (some.returncode, some.stdout, some.stderr) == (0, "a\nb\n", "")
    assert states == [JobState.WAITING, JobState.WAITING, JobState.DEAD]


async def test_all_dead_jobs_are_retried(greenscale: Greenscale, queue: JobQueue) -> None:
    await bury(queue, "a", "b", "c")
    ran = greenscale("jobs", "retry", "--all-dead")
    stats = await queue.stats()

    assert (ran.returncode, sorted(ran.stdout.split())) == (0, ["a", "b", "c"])
    assert (stats.pending, stats.dead) == (3, 0)
    again = greenscale("jobs", "retry", "--all-dead")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "no dead jobs\n")


async def test_what_could_be_retried_is_printed_beside_what_could_not(greenscale: Greenscale, queue: JobQueue) -> None:
    await bury(queue, "a")
    ran = greenscale("jobs", "retry", "a", "nope")

    assert (ran.returncode, ran.stdout) == (Exit.UNKNOWN, "a\n")
    assert ran.stderr == "greenscale: not dead, so not retried: nope\n"


@pytest.mark.parametrize("words", [("retry",), ("retry", "a", "--all-dead")], ids=["no job", "some and all"])
def test_which_jobs_to_send_again_is_asked_for(refused: Refused, words: tuple[str, ...]) -> None:
    assert refused(Exit.USAGE, "jobs", *words) == "name the jobs: ids, or --all-dead"


@pytest.fixture
async def many_dead(queue: JobQueue) -> int:
    """Make more dead jobs than three steps retry."""
    count = 3 * REDRIVE_BATCH + 100
    await queue.submit_many([new_item("hi") for _ in range(count)])
    for claim in await queue.claim("w", count) or []:
        await queue.bury(claim, "Refused", "400")
    return count


def start_until_a_step_is_done(start: Start, proxy: TcpProxy, raw: redis.Redis) -> "subprocess.Popen[str]":
    """Start to send all again; the reply to the first step, which Redis has done, is held back."""
    proxy.stall(requests=False)
    process = start("jobs", "retry", "--all-dead", "--redis", f"redis://{proxy.address}")
    while True:
        assert proxy.await_held_reply(20)
        if raw.llen("jobs"):
            return process
        proxy.resume()
        proxy.stall(requests=False)


def test_ctrl_c_says_how_many_were_sent_and_how_many_are_left(start: Start, raw: redis.Redis, many_dead: int) -> None:
    """It is pressed while nobody knows yet what the step that is on its way has done."""
    with TcpProxy(raw.connection_pool.connection_kwargs["port"]) as proxy:
        process = start_until_a_step_is_done(start, proxy, raw)
        process.send_signal(signal.SIGINT)
        proxy.resume()
        stdout, stderr = process.communicate(timeout=20)
    left = many_dead - REDRIVE_BATCH

    assert process.returncode == Exit.INTERRUPTED
    assert stderr == (
        f"greenscale: {REDRIVE_BATCH} jobs retried, {left} still dead: "
        "`greenscale jobs retry --all-dead` retries the rest\n"
    )
    assert len(stdout.split()) == REDRIVE_BATCH
    assert (raw.llen("jobs"), raw.llen("jobs:dead")) == (REDRIVE_BATCH, left)


def test_a_redis_that_is_lost_says_how_many_are_known_to_be_sent(
    start: Start, raw: redis.Redis, many_dead: int
) -> None:
    with TcpProxy(raw.connection_pool.connection_kwargs["port"]) as proxy:
        process = start_until_a_step_is_done(start, proxy, raw)
        proxy.cut()
        stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stdout) == (Exit.UNAVAILABLE, "")
    assert stderr.startswith(f"greenscale: at least 0 of {many_dead} jobs retried: Redis at ")
    assert stderr.endswith(" Then `greenscale jobs retry --all-dead` retries the rest\n")
