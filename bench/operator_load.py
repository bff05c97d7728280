"""Rows 11 and 12: what the operator asks of the API server, idle and at a restart, with many workloads and no node.

python -m bench.operator_load [--workloads 1000]

A real kube-apiserver and etcd; its audit log counts the operator's requests. There is no KEDA: a thread writes
`Ready` into each ScaledObject, as KEDA would. The yardstick is `kopf_floor.py`, on an API server of its own.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import urllib3
from kubernetes import client, config, watch

from bench.counters import cpu_seconds
from bench.keeping import keep
from bench.places import ROOT
from bench.servers import running_redis
from bench.tables import show, table, verdict
from bench.waiting import until
from greenscale_testing.control_plane import ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest, as_list
from greenscale_testing.ports import free_port

POLL_SECONDS = 0.5
"""How often the API server is asked for what the bench waits for: a thousand workloads are no small answer."""

FEW = 20
"""Workloads made one by one, to count what each costs."""

IDLE_SECONDS, CPU_SECONDS = 10.0, 60.0

BATCH = 100

OURS = [sys.executable, "-m", "greenscale_operator"]
FLOOR = [sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces", str(ROOT / "bench" / "kopf_floor.py")]

Figures = dict[str, float]


def main() -> None:
    """Measure both and print the table; the exit status says whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.operator_load", description=__doc__)
    parser.add_argument("--workloads", type=int, default=1000)
    count = parser.parse_args().workloads
    with running_redis() as redis:
        ours = _measure(OURS, count, redis.address.port, idle=True)
        floor = _measure(FLOOR, count, redis.address.port, idle=False)
    keep("operator", [{"workloads": count, "greenscale": ours, "floor": floor}])
    sys.exit(0 if _print(ours, floor, count) else 1)


def _measure(command: list[str], count: int, redis_port: int, *, idle: bool) -> Figures:
    figures: Figures = {}
    with TemporaryDirectory() as folder, ControlPlane(Path(folder)) as plane:
        plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
        established = ("get", "crd/scaledobjects.keda.sh", "-o", "jsonpath={.status.conditions}")
        # `kubectl wait` fails before there is any condition.
        until(lambda: "Established" in plane.kubectl(*established), seconds=30, every=POLL_SECONDS)
        bench = _Bench(plane, redis_port)
        with bench.keda(), bench.operator(command) as process:
            print(f"{command[2]}: {FEW} workloads one by one ...", file=sys.stderr, flush=True)
            bench.wait_ready([bench.create(["warm"])[0]])
            before = bench.requests()
            for number in range(FEW):
                bench.wait_ready(bench.create([f"few-{number}"]))
            time.sleep(2)  # what follows a Ready belongs to it
            figures["requests per new workload"] = (bench.requests() - before) / FEW
            print(f"{command[2]}: {count} workloads ...", file=sys.stderr, flush=True)
            since = time.monotonic()
            names = [f"many-{number}" for number in range(count - FEW - 1)]
            for start in range(0, len(names), BATCH):
                bench.create(names[start : start + BATCH])
            bench.wait_ready(names)
            figures["seconds until all are Ready"] = time.monotonic() - since
            if idle:
                figures |= bench.idle(process)
            figures["peak memory, all made (MiB)"] = _peak(process)
        with bench.keda():
            before, since = bench.requests(), time.monotonic()
            with bench.operator(command) as process:
                print(f"{command[2]}: a restart ...", file=sys.stderr, flush=True)
                bench.wait_working()
                begun = time.monotonic()
                bench.wait_ready(bench.create(["after-the-restart"]))
                figures["a new one is Ready after (s)"] = time.monotonic() - begun
                bench.settle()
                figures["requests per unchanged workload"] = (bench.requests() - before) / count
                figures["peak memory, restart (MiB)"] = _peak(process)
    return figures


class _Bench:
    """One API server, its workloads, and who acts on them."""

    def __init__(self, plane: ControlPlane, redis_port: int) -> None:
        self._plane = plane
        self._redis_port = redis_port
        config.load_kube_config(str(plane.kubeconfig))  # type: ignore[no-untyped-call]
        urllib3.disable_warnings()
        self._objects = client.CustomObjectsApi()

    @contextmanager
    def operator(self, command: list[str]) -> Iterator[psutil.Process]:
        """Run an operator as its ServiceAccount."""
        kubeconfig = self._plane.kubeconfig_of("greenscale-operator", "greenscale-system")
        settings = {"KUBECONFIG": str(kubeconfig), "GREENSCALE_HEALTH_PORT": str(free_port())}
        with subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL) as process:
            yield psutil.Process(process.pid)
            process.terminate()

    @contextmanager
    def keda(self) -> Iterator[None]:
        """Set each ScaledObject to Ready, as KEDA would."""
        events = watch.Watch()  # type: ignore[no-untyped-call]
        thread = threading.Thread(target=self._stand_in, args=(events,), daemon=True)
        thread.start()
        yield
        events.stop()  # type: ignore[no-untyped-call]

    def _stand_in(self, events: Any) -> None:
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ScaledObjectReady"}]}}
        listed = self._objects.list_cluster_custom_object
        with suppress(urllib3.exceptions.HTTPError):
            for event in events.stream(listed, "keda.sh", "v1alpha1", "scaledobjects"):
                name = event["object"]["metadata"]["name"]
                if event["type"] == "ADDED" and "status" not in event["object"]:
                    self._objects.patch_namespaced_custom_object_status(
                        "keda.sh", "v1alpha1", "default", "scaledobjects", name, ready
                    )

    def create(self, names: list[str]) -> list[str]:
        """Create workloads and return their names."""
        self._plane.kubectl("create", "-f", "-", stdin=as_list(*(self._workload(name) for name in names)))
        return names

    def _workload(self, name: str) -> Manifest:
        redis = {"host": "127.0.0.1", "port": self._redis_port}
        return {
            "apiVersion": "greenscale.dev/v1alpha1",
            "kind": "GreenScaleWorkload",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"engine": {"type": "Echo"}, "queue": {"redis": redis}},
        }

    def wait_ready(self, names: list[str]) -> None:
        """Wait until all of these are Ready."""
        if len(names) == 1:
            self._plane.kubectl("wait", "--for=condition=Ready", f"gsw/{names[0]}", "--timeout=120s")
            return
        wanted = set(names)
        until(lambda: wanted <= self._ready(), seconds=600, every=POLL_SECONDS)

    def _ready(self) -> set[str]:
        where = ("greenscale.dev", "v1alpha1", "default", "greenscaleworkloads")
        found: Any = self._objects.list_namespaced_custom_object(*where)
        return {
            item["metadata"]["name"]
            for item in found["items"]
            if any(c["type"] == "Ready" and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))
        }

    def wait_working(self) -> None:
        """Wait until the operator has listed what there is."""
        before = self._lists()
        until(lambda: self._lists() > before, seconds=120, every=POLL_SECONDS)

    def _lists(self) -> int:
        return sum(
            request["verb"] == "list" and request["objectRef"]["resource"] == "greenscaleworkloads"
            for request in self._plane.asked_by_operator()
            if "objectRef" in request
        )

    def settle(self) -> None:
        """Wait until the operator has sent no request for some seconds."""
        counted, since = self.requests(), time.monotonic()
        while time.monotonic() - since < 5:  # noqa: PLR2004
            time.sleep(0.5)
            if self.requests() != counted:
                counted, since = self.requests(), time.monotonic()

    def requests(self) -> int:
        """Return how many requests were made so far, except those of the election."""
        requests = self._plane.asked_by_operator()
        return sum(request.get("objectRef", {}).get("resource") != "leases" for request in requests)

    def idle(self, process: psutil.Process) -> Figures:
        """Return what is spent when nothing happens."""
        print("idling ...", file=sys.stderr, flush=True)
        self.settle()
        before = self.requests()
        time.sleep(IDLE_SECONDS)
        asked = self.requests() - before
        cpu, since = cpu_seconds(process.pid), time.monotonic()
        time.sleep(CPU_SECONDS)
        percent = 100 * (cpu_seconds(process.pid) - cpu) / (time.monotonic() - since)
        return {"requests in 10 s, idle": float(asked), "CPU, idle (% of a core)": percent}


def _peak(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def _print(ours: Figures, floor: Figures, count: int) -> bool:
    """Print a line for each target; returns whether all are met."""
    peak = "peak memory, restart (MiB)"
    targets = [
        ("requests per new workload", 10.0, False),
        ("requests in 10 s, idle", 0.0, False),
        ("CPU, idle (% of a core)", 0.5, False),
        ("requests per unchanged workload", 1.0, False),
        ("a new one is Ready after (s)", 2.0, False),
        (peak, 1.5, True),
    ]
    figures = table("figure", "greenscale", "Kopf floor", "target", "met")
    verdicts = []
    for name, most, of_floor in targets:
        met = ours[name] <= most * (floor[name] if of_floor else 1)
        verdicts.append(met)
        target = f"<= {most:g}{'x' if of_floor else ''}"
        yardstick = f"{floor[name]:.2f}" if name in floor else ""
        figures.add_row(name, f"{ours[name]:.2f}", yardstick, target, verdict(met=met))
    for name in ("seconds until all are Ready", "peak memory, all made (MiB)"):
        figures.add_row(name, f"{ours[name]:.2f}", f"{floor[name]:.2f}")
    show(figures, f"{count} workloads, Kubernetes {os.environ.get('KUBERNETES_VERSION', '1.36.3')}")
    return all(verdicts)


if __name__ == "__main__":
    main()
