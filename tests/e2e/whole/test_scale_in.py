"""Workers go when they are not needed, and none that works: counted in pods, with the operator and without it.

Nothing scales through the operator. It is stopped for the whole cluster meanwhile: nothing else may run beside this.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.kubernetes import INSTALLATION, Manifest, get, get_list, kubectl, until

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(600)

SCALING = {"pollingInterval": 1, "cooldownPeriod": 5}
LIMIT_SECONDS = SCALING["pollingInterval"] + SCALING["cooldownPeriod"] + 30
LOOK_SECONDS = 3
"""How late a pod that is gone may be seen to be."""

OPERATOR = ("deploy/greenscale-operator", "-n", INSTALLATION)


@dataclasses.dataclass(frozen=True)
class Mix:
    """A workload, its jobs by how many seconds each takes, how many pods they need, and how many are kept then."""

    scaling: Mapping[str, Any]
    jobs: tuple[float, ...]
    peak: int
    kept: int

    @property
    def gradual(self) -> bool:
        """Whether surplus workers may go while there is work."""
        return self.scaling.get("scaleDownPolicy") == "Gradual"


ALWAYS = {"start": "0 0 * * *", "end": "59 23 * * *", "minReplicas": 2}

MIXES = {
    "minimum": Mix({"minReplicas": 1, "maxReplicas": 3}, (15,) * 8, 3, 1),
    "long": Mix({"minReplicas": 1, "maxReplicas": 3}, (100, 15, 15), 3, 1),
    "schedule": Mix({"maxReplicas": 4, "schedules": [ALWAYS]}, (20,) * 8, 4, 2),
    "gradual": Mix({"minReplicas": 1, "maxReplicas": 3, "scaleDownPolicy": "Gradual"}, (15,) * 6, 3, 1),
    "zero": Mix({"maxReplicas": 3}, (20,) * 6, 3, 0),
}


def words(seconds: float) -> str:
    """Return what Echo takes so long to say."""
    return " ".join(["word"] * int(seconds / 0.05))


def pods(name: str, namespace: str) -> int:
    """Return how many pods a workload has, those that are ending included."""
    return len(get_list("pods", namespace, f"app.kubernetes.io/instance={name}"))


@contextlib.contextmanager
def no_operator() -> Iterator[None]:
    """Stop the operator of the cluster, and start it again whatever happens."""
    replicas = get("deploy", "greenscale-operator", INSTALLATION)["spec"]["replicas"]
    kubectl("scale", *OPERATOR, "--replicas=0")
    try:
        until(lambda: "readyReplicas" not in get("deploy", "greenscale-operator", INSTALLATION)["status"], seconds=60)
        yield
    finally:
        kubectl("scale", *OPERATOR, f"--replicas={replicas}")
        kubectl("rollout", "status", *OPERATOR, "--timeout=120s", seconds=130)


def follow(name: str, namespace: str, client: JobClient) -> None:
    """Watch one workload from its peak until it has what is kept."""
    mix = MIXES[name]
    while client.stats().work:
        now = pods(name, namespace)
        # Asked for before the pods were counted: what is counted as missing was taken away while there was work.
        assert mix.gradual or now >= mix.peak or not client.stats().work, f"{name}: {now} pods while there is work"
        time.sleep(1)
    ended = time.monotonic()
    while (now := pods(name, namespace)) > mix.kept:
        waited = time.monotonic() - ended
        assert waited < LIMIT_SECONDS + LOOK_SECONDS, f"{name}: {now} pods {waited:.0f} s after the last job"
        time.sleep(1)
    assert now == mix.kept, f"{name}: {now} pods where {mix.kept} are kept"


@pytest.mark.parametrize("operator", ["with the operator", "without it"])
def test_workers_go_to_what_is_kept(workload: Make, client_of: Client, namespace: str, operator: str) -> None:
    clients = {name: client_of(name) for name in MIXES}
    ids = {}
    for name, mix in MIXES.items():
        workload(name, worker={"concurrency": 1}, scaling={**SCALING, **mix.scaling})
        ids[name] = [clients[name].submit(words(seconds)) for seconds in mix.jobs]
    until(lambda: all(pods(name, namespace) == mix.peak for name, mix in MIXES.items()), seconds=120)
    stopped = no_operator() if operator == "without it" else contextlib.nullcontext()
    with stopped, ThreadPoolExecutor() as watchers:
        for watched in [watchers.submit(follow, name, namespace, clients[name]) for name in MIXES]:
            watched.result()

    for name, client in clients.items():
        jobs = [client.job(job_id) for job_id in ids[name]]
        assert [(job.state, job.attempts, job.errors) for job in jobs] == [(JobState.DONE, 1, ())] * len(jobs), name
