"""No job is lost when a workload loses its pod, its node, KEDA or a CRD while jobs run and wait."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.control_plane import ROOT
from greenscale_testing.kubernetes import (
    KubectlFailed,
    Manifest,
    apply,
    as_list,
    await_condition,
    get,
    kubectl,
    names,
    until,
)

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(300)

ONE_WORKER = {"worker": {"concurrency": 1}, "scaling": {"maxReplicas": 1}}

CRD = ROOT / "crds" / "greenscaleworkloads.yaml"


def words(seconds: float) -> str:
    """Return what Echo takes so long to say."""
    return " ".join(["word"] * int(seconds / 0.05))


def start_jobs(client: JobClient, seconds: float) -> list[str]:
    """Submit a job that takes so long and two that wait for it, and return once the first is running."""
    first = client.submit(words(seconds))
    next(event for event in client.events(first) if event.type == "delta")
    return [first, client.submit("second"), client.submit("third")]


def outcomes(client: JobClient, jobs: list[str]) -> set[tuple[JobState, int]]:
    """Wait for all jobs, and return each state and number of failed attempts that occurs."""
    ended = [client.result(job_id) for job_id in jobs]
    return {(job.state, job.attempts) for job in ended}


DONE_AT_ONCE = {(JobState.DONE, 1)}


def budget(namespace: str, least: int) -> Manifest:
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app.kubernetes.io/instance": "echo"}}}
    metadata = {"name": "echo", "namespace": namespace}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}


def evict(pod: str, namespace: str) -> None:
    """Ask for a pod's eviction as `kubectl drain` and autoscalers of nodes do."""
    name = pod.removeprefix("pod/")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def test_an_eviction_waits_for_the_budget_and_then_for_the_job(
    workload: Make, client_of: Client, namespace: str
) -> None:
    workload(**ONE_WORKER)
    client = client_of("echo")
    jobs = start_jobs(client, 15)
    (pod,) = names("pods", namespace)
    apply(budget(namespace, 1))
    kubectl("wait", "--for=jsonpath={.status.currentHealthy}=1", "pdb/echo", "-n", namespace, "--timeout=30s")
    with pytest.raises(KubectlFailed, match="would violate the pod's disruption budget"):
        evict(pod, namespace)
    apply(budget(namespace, 0))
    kubectl("wait", "--for=jsonpath={.status.disruptionsAllowed}=1", "pdb/echo", "-n", namespace, "--timeout=30s")
    evict(pod, namespace)

    assert client.job(jobs[0]).state is JobState.RUNNING
    assert outcomes(client, jobs) == DONE_AT_ONCE


def test_a_drained_node_lets_the_job_finish(workload: Make, client_of: Client, namespace: str) -> None:
    """Only the worker's pod is evicted, for the node is the cluster's only one; the jobs that wait need it back."""
    workload("drained", **ONE_WORKER)  # pods of other tests' namespaces may still be ending
    client = client_of("drained")
    jobs = start_jobs(client, 10)
    (pod,) = names("pods", namespace)
    node = kubectl("get", pod, "-n", namespace, "-o", "jsonpath={.spec.nodeName}")
    selected = "--pod-selector=app.kubernetes.io/instance=drained"
    try:
        kubectl("drain", node, selected, "--ignore-daemonsets", "--timeout=60s")
        drained = client.job(jobs[0])
    finally:
        kubectl("uncordon", node)

    assert (drained.state, drained.attempts) == (JobState.DONE, 1)
    assert outcomes(client, jobs) == DONE_AT_ONCE


def without_server_fields(found: Manifest) -> Manifest:
    """Return an object as it can be applied again."""
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {key: value for key, value in found["metadata"].items() if key in kept}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}


@contextmanager
def removed(*words: str, wait: bool = True) -> Iterator[None]:
    """Delete objects, by the words of `kubectl get`, and apply them again at the end."""
    found = json.loads(kubectl("get", *words, "-o", "json"))
    items = [without_server_fields(item) for item in found.get("items", [found])]
    kubectl("delete", *words, f"--wait={str(wait).lower()}")
    try:
        yield
    finally:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=as_list(*items))


def test_jobs_run_on_without_the_operator_of_keda(workload: Make, client_of: Client, namespace: str) -> None:
    """Workers that are awake finish what there is; a workload at zero waits until somebody can wake it."""
    workload("awake", **ONE_WORKER)
    workload("asleep", **ONE_WORKER)
    await_condition("asleep", namespace, "ScalerReady", "ScaledObjectReady")
    awake, asleep = client_of("awake"), client_of("asleep")
    jobs = start_jobs(awake, 10)
    with removed("deployment", "keda-operator", "-n", "keda"):
        kubectl("wait", "--for=delete", "pod", "-l", "app=keda-operator", "-n", "keda", "--timeout=60s")
        waiting = asleep.submit("hello")
        during = outcomes(awake, jobs)
        replicas = get("deployment", "asleep", namespace)["spec"]["replicas"]
    kubectl("rollout", "status", "deployment/keda-operator", "-n", "keda", "--timeout=120s", seconds=130)

    assert during == DONE_AT_ONCE
    assert replicas == 0
    assert outcomes(asleep, [waiting]) == DONE_AT_ONCE


def test_jobs_run_on_without_the_crds_of_keda(workload: Make, client_of: Client, namespace: str) -> None:
    """All ScaledObjects are gone with them, and come back with them."""
    workload("awake", **ONE_WORKER)
    workload("asleep", **ONE_WORKER)
    await_condition("asleep", namespace, "ScalerReady", "ScaledObjectReady")
    awake, asleep = client_of("awake"), client_of("asleep")
    jobs = start_jobs(awake, 20)
    crds = [name for name in kubectl("get", "crd", "-o", "name").split() if name.endswith(".keda.sh")]
    with removed(*crds):
        waiting = asleep.submit("hello")
        during = outcomes(awake, jobs)
        reported = await_condition("asleep", namespace, "ScalerReady", "KedaNotInstalled", seconds=90)
    await_condition("asleep", namespace, "ScalerReady", "ScaledObjectReady", seconds=120)

    assert during == DONE_AT_ONCE
    assert reported["status"] == "False"
    assert outcomes(asleep, [waiting]) == DONE_AT_ONCE


def test_our_crd_is_upgraded_while_jobs_run(workload: Make, client_of: Client, namespace: str) -> None:
    """A field is added to the schema: no worker is restarted, and new workloads are taken up."""
    workload(**ONE_WORKER)
    client = client_of("echo")
    jobs = start_jobs(client, 20)
    pods = names("pods", namespace)
    before = json.loads(kubectl("get", "crd", "greenscaleworkloads.greenscale.dev", "-o", "json"))
    upgraded = without_server_fields(before)
    spec = upgraded["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["later"] = {"type": "string", "default": "added", "description": "Of a later version."}
    try:
        kubectl("replace", "-f", "-", stdin=json.dumps(upgraded))
        until(lambda: get("gsw", "echo", namespace)["spec"].get("later") == "added", seconds=30)
        workload("new")
        await_condition("new", namespace, "Ready", "ScaledToZero")
        during = (names("pods", namespace), client.job(jobs[0]).state)
    finally:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))

    assert during == (pods, JobState.RUNNING)
    assert outcomes(client, jobs) == DONE_AT_ONCE


def test_our_crd_is_deleted_by_mistake(workload: Make, client_of: Client, namespace: str) -> None:
    """Every workload is gone with it and every queue stays: applied again, the workloads do the jobs that wait."""
    workload(**ONE_WORKER)
    client = client_of("echo")
    jobs = start_jobs(client, 20)
    (pod,) = names("pods", namespace)
    kubectl("delete", "crd", "greenscaleworkloads.greenscale.dev", "--timeout=60s")
    kubectl("wait", "--for=jsonpath={.metadata.deletionTimestamp}", pod, "-n", namespace, "--timeout=60s")
    running = client.job(jobs[0]).state
    for child in ("deployment/echo", "scaledobject/echo-scaler", "hpa/keda-hpa-echo-scaler"):
        kubectl("wait", "--for=delete", child, "-n", namespace, "--timeout=60s")
    first = client.result(jobs[0])
    left = client.stats().pending
    kubectl("apply", "--server-side", "-f", str(CRD))
    kubectl("wait", "--for=condition=Established", "crd/greenscaleworkloads.greenscale.dev", "--timeout=30s")
    workload(**ONE_WORKER)

    assert running is JobState.RUNNING
    assert (first.state, first.attempts) == (JobState.DONE, 1)
    assert left == 2
    assert outcomes(client, jobs) == DONE_AT_ONCE
