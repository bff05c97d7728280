"""No job dies for what is not its fault: an API that is away, a wrong key, a prompt that kills the model server.

The three outages begin together and last at the same time: each test waits for the end of one.
"""

import os
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.cluster_engines import beside_the_worker, put_key, put_service, put_sources, start_api
from greenscale_testing.kubernetes import (
    apply_workload,
    await_condition,
    condition,
    fresh_namespace,
    kubectl,
    list_of,
    until,
)
from greenscale_testing.pod_server import RIGHT_KEY

pytestmark = pytest.mark.timeout(400 + 2 * float(os.environ.get("GREENSCALE_TEST_OUTAGE_SECONDS", "0")))

OUTAGE_SECONDS = float(os.environ.get("GREENSCALE_TEST_OUTAGE_SECONDS", "0"))
"""How long the key is wrong at least: until the workload says so by default; 600 for the whole proof."""

JOBS = 40

AWAKE = re.compile(rf"[12] workers? stays? awake while {JOBS} jobs wait; set spec.suspend to true to let")

SCALING = {"maxReplicas": 2, "pollingInterval": 1, "cooldownPeriod": 60}


class Outages(NamedTuple):
    """Three workloads in trouble, and their queues."""

    namespace: str
    begun_at: float
    away: JobClient
    keyed: JobClient
    poisoned: JobClient
    poison: str
    innocents: list[str]


@pytest.fixture(scope="module")
def outages(redis_address: RedisAddress) -> Iterator[Outages]:
    with (
        fresh_namespace() as namespace,
        JobClient(redis_address, list_of("away", namespace)) as away,
        JobClient(redis_address, list_of("keyed", namespace)) as keyed,
        JobClient(redis_address, list_of("poisoned", namespace)) as poisoned,
    ):
        put_sources(namespace)
        put_key("sk-wrong", namespace)
        asked = {"model": "echo", "baseURL": put_service("nobody", namespace)}
        apply_workload("away", namespace, engine={"type": "OpenAI", "openAI": asked}, scaling=SCALING)
        keyed_address, secret = put_service("api", namespace), {"name": "openai", "key": "api-key"}
        asked_with_key = {"model": "keyed", "baseURL": keyed_address, "apiKeySecretRef": secret}
        apply_workload("keyed", namespace, engine={"type": "OpenAI", "openAI": asked_with_key}, scaling=SCALING)
        server, pod = beside_the_worker(memory="192Mi")
        apply_workload(
            "poisoned",
            namespace,
            engine={"type": "Server", "server": server},
            worker={"concurrency": 4, "podTemplate": pod},
            queue={"maxLosses": 1},
            scaling={"maxReplicas": 1, "cooldownPeriod": 60},
        )
        start_api("api", namespace)
        for number in range(JOBS):
            away.submit(f"away {number}")
            keyed.submit(f"keyed {number}")
        before = [poisoned.submit(f"slow before {number}") for number in range(3)]
        poison = poisoned.submit("poison")
        after = [poisoned.submit(f"slow after {number}") for number in range(5)]
        yield Outages(namespace, time.monotonic(), away, keyed, poisoned, poison, before + after)


def done(client: JobClient) -> int:
    return client.stats().counters.get("done", 0)


def attempts(client: JobClient) -> set[int]:
    return {job.attempts for job in client.jobs(JobState.DONE, limit=JOBS).jobs}


def test_an_api_that_is_away_costs_no_job_and_is_named(outages: Outages) -> None:
    """A Service without endpoints: the pods behind it have not started, or were scaled away."""
    degraded = await_condition("away", outages.namespace, "Degraded", "EngineRefuses", seconds=120)
    during = outages.away.stats()
    start_api("nobody", outages.namespace)
    until(lambda: done(outages.away) == JOBS, seconds=180)
    await_condition("away", outages.namespace, "Degraded", "AsExpected")

    assert f"nobody.{outages.namespace}.svc" in degraded["message"]
    assert AWAKE.search(degraded["message"]), degraded["message"]
    assert (during.dead, during.work + during.delayed) == (0, JOBS)
    assert (outages.away.stats().dead, attempts(outages.away)) == (0, {1})


def test_a_wrong_key_costs_no_job_until_it_is_mended(outages: Outages) -> None:
    degraded = await_condition("keyed", outages.namespace, "Degraded", "EngineRefuses", seconds=120)
    until(lambda: time.monotonic() - outages.begun_at >= OUTAGE_SECONDS, seconds=OUTAGE_SECONDS + 1)
    during = outages.keyed.stats()
    lasting = condition("keyed", outages.namespace, "Degraded")
    put_key(RIGHT_KEY, outages.namespace)
    kubectl("rollout", "restart", "deployment", "keyed", "-n", outages.namespace)
    until(lambda: done(outages.keyed) == JOBS, seconds=180)

    assert "key" in degraded["message"]
    assert lasting["reason"] == "EngineRefuses", "it is said as long as it lasts"
    assert (during.dead, during.work + during.delayed) == (0, JOBS)
    assert (outages.keyed.stats().dead, attempts(outages.keyed)) == (0, {1})


def test_a_prompt_that_kills_the_model_server_takes_no_other_with_it(outages: Outages) -> None:
    """The server's container runs out of memory, and those beside the poison lose their answers each time."""
    until(lambda: outages.poisoned.stats().dead == 1, seconds=300)
    until(lambda: done(outages.poisoned) == len(outages.innocents), seconds=120)
    job = outages.poisoned.job(outages.poison)

    assert job.state is JobState.DEAD
    assert job.error is not None
    assert job.error.reason == "EngineLost"
    assert {outages.poisoned.job(job_id).state for job_id in outages.innocents} == {JobState.DONE}
