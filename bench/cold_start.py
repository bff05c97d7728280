"""Row 13: from a push to the claim on a real cluster, from zero, and where the seconds go.

python -m bench.cold_start [--rounds 10] [--intervals 1,2,5]

Needs the cluster of `make cluster-up`, or another in KUBECONFIG with GreenScale installed. The yardstick is a loop of
BRPOP (`brpop.py`) in the worker's image under the same ScaledObject. Both are pushed by turns, each when it sleeps.
Stages are told by the watch of the API server, by the worker's first output and by the job's events, all on one clock.
"""

import argparse
import contextlib
import datetime as dt
import json
import sys
import threading
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Self

import redis
import urllib3
from kubernetes import client, config, watch
from rich.console import Console
from rich.table import Table

from bench.places import ROOT
from greenscale_jobs import JobClient, RedisAddress
from greenscale_operator.objects import Install
from greenscale_operator.scalers.keda.scaled_object import scaled_object
from greenscale_operator.workload import parse

sys.path.insert(0, str(ROOT / "tests" / "lib"))

from greenscale_testing.kubernetes import Manifest, apply, forwarded_redis, kubectl, until

RAW = ROOT / "artifacts" / "bench" / "cold_start.jsonl"

TARGET = 1.3

STAGES = ["poll", "scheduling", "container start", "import", "claim", "first token"]

TELL_START = 'date "+started %s.%N"; exec python -m greenscale_worker'
"""The worker as it is, after a line that says when its process began."""

Times = dict[str, float]


def main() -> None:
    """Measure; the exit status says whether the target is met at every interval."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--intervals", default="1,2,5", help="pollingInterval, in seconds, with commas between")
    told = parser.parse_args()
    namespace = f"bench-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    rows: list[dict[str, Any]] = []
    try:
        with forwarded_redis() as address:
            for interval in map(int, told.intervals.split(",")):
                rows += _measure(address, namespace, interval, told.rounds)
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")
    RAW.parent.mkdir(parents=True, exist_ok=True)
    RAW.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sys.exit(0 if _print(rows) else 1)


def _measure(address: RedisAddress, namespace: str, interval: int, rounds: int) -> list[dict[str, Any]]:
    """Wake both by turns; returns a row for each start."""
    ours, floor = f"ours-{interval}", f"floor-{interval}"
    workload = _workload(ours, namespace, interval)
    apply(workload, *_floor(floor, namespace, interval))
    kubectl("wait", "--for=condition=Ready", f"gsw/{ours}", "-n", namespace, "--timeout=60s")
    kubectl("wait", "--for=condition=Ready", f"so/{floor}-scaler", "-n", namespace, "--timeout=60s")
    rows = []
    with ExitStack() as stack:
        seen = stack.enter_context(WatchCache(namespace))
        queue = stack.enter_context(JobClient(address, f"greenscale:{{{namespace}/{ours}}}"))
        plain = stack.enter_context(redis.Redis(address.host, address.port, socket_timeout=None))
        for number in range(1, rounds + 1):
            print(f"interval {interval} s, round {number} of {rounds} ...", file=sys.stderr, flush=True)
            for subject in (ours, floor):
                until(lambda name=subject: seen.asleep(name), seconds=120)  # type: ignore[misc]
                # Falling asleep is KEDA's beat: pushed at once, all would meet it at the same moment of its interval.
                time.sleep(interval * (number - 0.5) / rounds)
                seen.forget(subject)
                times = _wake_ours(queue, seen, ours, namespace) if subject == ours else _wake_floor(plain, floor)
                rows.append({"interval": interval, "round": number, "subject": subject.partition("-")[0], **times})
    kubectl("delete", f"gsw/{ours}", f"so/{floor}-scaler", f"deploy/{floor}", "-n", namespace)
    return rows


def _wake_ours(queue: JobClient, seen: "WatchCache", name: str, namespace: str) -> Times:
    since = time.time()
    job_id = queue.submit("hello")
    at = {event.type: event.at for event in reversed(list(queue.events(job_id)))}
    assert at.keys() >= {"claimed", "delta"}, f"{job_id} was not answered: {at}, {queue.job(job_id).state}"
    started = next(line for line in _log(name, namespace) if line.startswith("started "))
    process = float(started.split()[1])
    ready = next(json.loads(line) for line in _log(name, namespace) if '"event":"started"' in line)
    imported = _seconds(ready["time"])
    moments = [
        since,
        seen.at(name, "wanted"),
        seen.at(name, "scheduled"),
        process,
        imported,
        at["claimed"],
        at["delta"],
    ]
    stages = {stage: now - before for stage, before, now in zip(STAGES, moments, moments[1:], strict=False)}
    return {"push to claim": at["claimed"] - since, **stages}


def _wake_floor(plain: redis.Redis, name: str) -> Times:
    since = time.time()
    plain.lpush(name, "hello")
    answered = plain.brpop([f"{name}:claimed"], timeout=60)
    assert isinstance(answered, tuple), f"{name} did not claim within 60 s"
    return {"push to claim": float(answered[1]) - since}


def _workload(name: str, namespace: str, interval: int) -> Manifest:
    overlay = {"spec": {"containers": [{"name": "worker", "command": ["sh", "-c", TELL_START]}]}}
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "engine": {"type": "Echo"},
            "worker": {"podTemplate": overlay},
            "scaling": {"pollingInterval": interval, "cooldownPeriod": 2 * interval},
        },
    }


def _floor(name: str, namespace: str, interval: int) -> list[Manifest]:
    """Return the loop's Deployment, and our own ScaledObject for its list."""
    workload = _workload(name, namespace, interval)
    workload["spec"]["queue"] = {"listName": name}
    labels = {"app": name}
    container = {
        "name": "worker",
        "image": Install().worker_image,
        "command": ["python", "-c", (Path(__file__).parent / "brpop.py").read_text(), name],
        "env": [{"name": "REDIS_HOST", "value": "redis-service.greenscale-system.svc"}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                # With 0 the pod would be gone before its process, which would take the next push.
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }
    return [deployment, scaled_object(parse(workload), Install())]


class WatchCache:
    """When the API server's watches showed what became of Deployments and pods."""

    def __init__(self, namespace: str) -> None:
        config.load_kube_config()  # type: ignore[no-untyped-call]
        self._namespace = namespace
        self._moments: dict[tuple[str, str], float] = defaultdict(lambda: float("nan"))
        self._replicas: dict[str, int] = {}
        self._pods: dict[str, str] = {}
        self._watches = [watch.Watch() for _ in range(2)]  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        """Begin to watch."""
        for one, (listed, look) in zip(
            self._watches,
            [
                (client.AppsV1Api().list_namespaced_deployment, self._deployment),
                (client.CoreV1Api().list_namespaced_pod, self._pod),
            ],
            strict=True,
        ):
            threading.Thread(target=self._follow, args=(one, listed, look), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no more."""
        for one in self._watches:
            one.stop()  # type: ignore[no-untyped-call]

    def asleep(self, name: str) -> bool:
        """Return whether nothing is left of the last start."""
        return self._replicas.get(name) == 0 and name not in self._pods.values()

    def at(self, name: str, what: str) -> float:
        """Return when it was seen first since `forget`, in Unix seconds."""
        return self._moments[name, what]

    def forget(self, name: str) -> None:
        """Begin a new start."""
        for key in [key for key in self._moments if key[0] == name]:
            del self._moments[key]

    def _follow(self, one: Any, listed: Any, look: Any) -> None:
        with contextlib.suppress(urllib3.exceptions.ProtocolError):  # how a watch ends that is stopped
            for event in one.stream(listed, self._namespace):
                look(event["type"], event["object"], time.time())

    def _deployment(self, _: str, deployment: Any, now: float) -> None:
        name, replicas = deployment.metadata.name, deployment.spec.replicas
        self._replicas[name] = replicas
        if replicas:
            self._moments.setdefault((name, "wanted"), now)

    def _pod(self, kind: str, pod: Any, now: float) -> None:
        labels = pod.metadata.labels
        name = labels.get("app") or labels.get("app.kubernetes.io/instance")
        if kind == "DELETED":
            self._pods.pop(pod.metadata.name, None)
            return
        self._pods[pod.metadata.name] = name
        if pod.spec.node_name and not pod.metadata.deletion_timestamp:
            self._moments.setdefault((name, "scheduled"), now)


def _log(name: str, namespace: str) -> list[str]:
    return kubectl("logs", f"deployment/{name}", "-n", namespace).splitlines()


def _seconds(timestamp: str) -> float:
    return dt.datetime.fromisoformat(timestamp).timestamp()


def _print(rows: list[dict[str, Any]]) -> bool:
    """Print both tables; returns whether the target is met."""
    verdicts = []
    table = Table("pollingInterval", "greenscale", "brpop loop", "ratio", "target", "met", box=None, pad_edge=False)
    stages = Table("pollingInterval", *STAGES, "push to claim", box=None, pad_edge=False)
    for interval in sorted({row["interval"] for row in rows}):
        ours, floor = (
            [row for row in rows if (row["interval"], row["subject"]) == (interval, name)] for name in ("ours", "floor")
        )
        told, yardstick = (median(row["push to claim"] for row in some) for some in (ours, floor))
        met = told / yardstick <= TARGET
        verdicts.append(met)
        words = [f"{told:.2f} s", f"{yardstick:.2f} s", f"{told / yardstick:.2f}x", f"<= {TARGET}x"]
        table.add_row(f"{interval} s", *words, "yes" if met else "NO")
        medians = [median(row[stage] for row in ours) for stage in [*STAGES, "push to claim"]]
        stages.add_row(f"{interval} s", *(f"{seconds:.2f} s" for seconds in medians))
    console = Console(width=110)
    console.print(table)
    console.print("\nwhere the seconds go (medians, each stage by itself)")
    console.print(stages)
    server = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    console.print(f"Kubernetes {server}, {len(rows)} starts", highlight=False)
    return all(verdicts)


if __name__ == "__main__":
    main()
