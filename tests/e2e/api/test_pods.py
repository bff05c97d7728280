"""What the operator says of pods: written by hand, with the statuses that a kubelet and a scheduler give them."""

import datetime as dt
import json
import subprocess
from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient, RedisAddress
from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest, list_of

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

SCHEDULED = {"type": "PodScheduled", "status": "True"}


def now(ago: float = 0) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Hand:
    """Does what KEDA, the controllers and the kubelet would."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        plane.apply({**account, "metadata": {"name": "default", "namespace": namespace}})

    def kubectl(self, *words: str) -> str:
        """Run kubectl in the namespace."""
        return self.plane.kubectl(*words, "-n", self.namespace)

    def status(self, kind: str, name: str, **status: object) -> None:
        """Write a status."""
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)

    def keda_is_ready(self, name: str = "w") -> None:
        """Report a ScaledObject as KEDA does."""
        ready = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady"}
        self.status("scaledobject", f"{name}-scaler", conditions=[ready])

    def scale(self, replicas: int, *, ready: int = 0, name: str = "w") -> None:
        """Want so many workers, and count those that are ready."""
        self.kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")
        counts = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready}
        self.status("deployment", name, observedGeneration=9, **counts)

    def pod(self, name: str = "w-1", *, memory: str | None = None) -> None:
        """Create a pod of the workload `w`, bound to a node that only its name is known of."""
        labels = {"app.kubernetes.io/name": "greenscale-worker", "app.kubernetes.io/instance": "w"}
        container: Manifest = {"name": "worker", "image": "greenscale-worker:0.1.0"}
        if memory:
            container["resources"] = {"limits": {"memory": memory}}
        spec = {"nodeName": "a-node", "automountServiceAccountToken": False, "containers": [container]}
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        self.plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def worker(self, *, ready: bool, state: Manifest, restarts: int = 0, last: Manifest | None = None) -> None:
        """Report the container of the pod."""
        readiness = {"type": "Ready", "status": str(ready), "lastTransitionTime": now()}
        container = {
            "name": "worker",
            "image": "greenscale-worker:0.1.0",
            "imageID": "x",
            "ready": ready,
            "restartCount": restarts,
            "state": state,
            "lastState": last or {},
        }
        self.status("pod", "w-1", phase="Running", conditions=[SCHEDULED, readiness], containerStatuses=[container])

    def state(self) -> Manifest:
        """Return the workload's status."""
        status: Manifest = self.plane.get("gsw", "w", self.namespace)["status"]
        return status

    def await_state(self, state: str, replicas: int) -> None:
        """Wait until the status has both."""
        for path, value in (("state", state), ("replicas", replicas)):
            self.kubectl("wait", f"--for=jsonpath={{.status.{path}}}={value}", "gsw/w", "--timeout=30s")

    def warnings(self) -> list[str]:
        """Return the reasons of all Events of a kind that worries."""
        return self.kubectl("get", "events", "-o", "jsonpath={.items[?(@.type=='Warning')].reason}").split()

    def pods_listed(self) -> int:
        """Return how often the operator has listed pods here."""
        asked = [request.get("objectRef", {}) for request in self.plane.asked_by_operator()]
        return sum(
            (reference.get("resource"), reference.get("namespace")) == ("pods", self.namespace) for reference in asked
        )


@pytest.fixture
def hand(
    control_plane: ControlPlane, namespace: str, start_operator: Start, workload: Make, await_reason: Await
) -> Hand:
    start_operator()
    workload(worker={"nodeProvisioningSeconds": 8})
    await_reason("Ready", "WaitingForKeda")
    acting = Hand(control_plane, namespace)
    acting.keda_is_ready()
    await_reason("Ready", "ScaledToZero")
    return acting


def test_a_workload_that_rests_or_works_well_costs_no_look_at_pods(
    hand: Hand, workload: Make, await_reason: Await
) -> None:
    at_rest = hand.pods_listed()
    hand.scale(2, ready=2)
    await_reason("Ready", "WorkersRunning")
    woken = hand.pods_listed()
    hand.kubectl("annotate", "deployment", "w", "somebody=looks")
    workload("sentinel")
    await_reason("Ready", "WaitingForKeda", "sentinel")

    assert at_rest == 0
    assert hand.pods_listed() == woken


def test_zero_is_reached_when_the_last_pod_is_gone(hand: Hand, await_reason: Await) -> None:
    hand.pod()
    hand.worker(ready=True, state={"running": {"startedAt": now()}})
    hand.scale(1, ready=1)
    await_reason("Ready", "WorkersRunning")
    hand.kubectl("delete", "pod", "w-1", "--grace-period=600", "--wait=false")
    hand.scale(0)
    hand.await_state("CoolingDown", 1)
    while_ending, available = hand.state(), await_reason("WorkerAvailable", "Ending")
    hand.kubectl("delete", "pod", "w-1", "--force", "--grace-period=0")
    hand.await_state("ScaledToZero", 0)
    listed = hand.pods_listed()
    hand.kubectl("annotate", "scaledobject", "w-scaler", "somebody=looks")
    hand.kubectl("wait", "--for=jsonpath={.status.zeroAt}", "gsw/w", "--timeout=30s")

    assert "zeroAt" not in while_ending
    assert "1 worker is still ending" in available["message"]
    assert hand.pods_listed() == listed  # at zero again nothing is asked


def test_a_pod_that_waits_for_a_node_is_waited_for_first(hand: Hand, await_reason: Await) -> None:
    why = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available."
    waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
    hand.pod()
    hand.status("pod", "w-1", phase="Pending", conditions=[{**waits, "lastTransitionTime": now()}])
    hand.scale(1)
    first = await_reason("WorkerAvailable", "Starting")
    warned_at_first = hand.warnings()
    later = await_reason("Ready", "Unschedulable")

    assert "waiting for a node with a free GPU" in first["message"]
    assert warned_at_first == []
    assert "1 Insufficient nvidia.com/gpu" in later["message"]
    assert "preemption" not in later["message"]


def test_a_quota_that_allows_no_pod_is_a_fault_at_once_and_pods_that_are_not_created_yet_are_not(
    hand: Hand, await_reason: Await
) -> None:
    hand.scale(1)
    first = await_reason("WorkerAvailable", "Starting")
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: gpus"}
    hand.status("deployment", "w", replicas=0, updatedReplicas=0, conditions=[refused])
    condition = await_reason("Ready", "FailedCreate")

    assert "waiting for Kubernetes to create a pod" in first["message"]
    assert "exceeded quota: gpus" in condition["message"]


def test_a_crash_stays_a_fault_until_the_worker_has_lived(hand: Hand, await_reason: Await) -> None:
    log = "Traceback\nMemoryError: REDIS_PASSWORD=hunter2\nnot enough"
    crash = {"exitCode": 137, "reason": "OOMKilled", "message": log, "startedAt": now(3), "finishedAt": now(2)}
    hand.pod(memory="12Mi")
    hand.worker(ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}}, restarts=2, last={"terminated": crash})
    hand.scale(1)
    condition = await_reason("Ready", "OOMKilled")
    hand.worker(ready=True, state={"running": {"startedAt": now()}}, restarts=3, last={"terminated": crash})
    hand.scale(1, ready=1)
    listed = hand.pods_listed()
    hand.kubectl("annotate", "deployment", "w", "somebody=looks")
    await_look(hand, listed)
    still = hand.state()["conditions"][0]
    hand.worker(ready=True, state={"running": {"startedAt": now(61)}}, restarts=3, last={"terminated": crash})
    hand.kubectl("annotate", "deployment", "w", "somebody=looks-again", "--overwrite")
    await_reason("Ready", "WorkersRunning")

    assert "raise the memory limit (12Mi)" in condition["message"]
    assert "not enough" in condition["message"]
    assert "hunter2" not in hand.kubectl("get", "gsw,events", "-o", "yaml")
    assert (still["type"], still["reason"]) == ("Ready", "OOMKilled")
    assert hand.warnings() == ["OOMKilled"]


def await_look(hand: Hand, listed: int) -> None:
    """Wait until the operator has looked at the pods again."""
    for _ in range(100):
        if hand.pods_listed() > listed:
            return
        hand.kubectl("get", "gsw", "w")
    raise AssertionError("the operator does not look at the pods any more")


def test_a_pause_that_somebody_set_is_reported_and_its_end_noticed(hand: Hand, await_reason: Await) -> None:
    hand.kubectl("annotate", "scaledobject", "w-scaler", "autoscaling.keda.sh/paused=true")
    condition = await_reason("ScalerReady", "Paused")
    await_reason("Ready", "Paused")
    command = condition["message"].rpartition("kubectl ")[2].split()
    hand.plane.kubectl(*command)
    await_reason("Ready", "ScaledToZero")

    assert command[:2] == ["annotate", "scaledobject"]


@pytest.mark.timeout(150)
def test_jobs_that_nobody_takes(
    hand: Hand, workload: Make, await_reason: Await, namespace: str, address: RedisAddress
) -> None:
    """Of one workload no worker is started, of the other a ready worker claims nothing."""
    workload("ready")
    await_reason("Ready", "WaitingForKeda", "ready")
    hand.keda_is_ready("ready")
    hand.scale(1, ready=1, name="ready")
    await_reason("Ready", "WorkersRunning", "ready")
    for name in ("w", "ready"):
        with JobClient(address, list_of(name, namespace)) as client:
            client.submit("hi")
    asleep = await_reason("Ready", "ScalerNotLooking", seconds=90)
    idle = await_reason("Ready", "NotClaiming", "ready", seconds=90)

    assert "kubectl describe scaledobject w-scaler" in asleep["message"]
    assert "kubectl logs" in idle["message"]
