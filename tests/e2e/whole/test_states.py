"""What `kubectl get gsw` says in each of the six states, as docs/status.md shows it."""

from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient
from greenscale_testing.control_plane import ROOT
from greenscale_testing.kubernetes import Manifest, await_state, condition, kubectl

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

PRINTED = ROOT / "artifacts" / "e2e" / "states.txt"

SLOW = {
    "name": "a-slow-start",
    "image": "greenscale-worker:0.1.0",
    "command": ["sleep", "8"],
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
"""A model that loads for a while, so that waking can be looked at."""


@pytest.mark.timeout(300)
def test_six_states(workload: Make, client_of: Client, namespace: str) -> None:
    printed: list[str] = []

    def show(state: str, *, seconds: int = 90) -> str:
        await_state("assistant", namespace, state, seconds=seconds)
        words = ("get", "gsw", "-n", namespace)
        table = kubectl(*words)
        reported = condition("assistant", namespace, "Degraded" if state == "Degraded" else "Ready")
        printed.append(f"{state}: {reported['message']}\n$ kubectl get gsw\n{table}")
        return table.splitlines()[1]

    parts = {"worker": {"concurrency": 2, "podTemplate": {"spec": {"initContainers": [SLOW]}}}}
    workload("assistant", **parts)
    client = client_of("assistant")
    asleep = show("ScaledToZero")
    job_ids = [client.submit(" ".join(["word"] * 400)) for _ in range(3)]
    waking = show("Waking")
    active = show("Active")
    for job_id in job_ids:
        client.result(job_id)
    cooling = show("CoolingDown")
    workload("assistant", **parts, suspend=True)
    client.submit("later")
    kubectl("wait", "--for=jsonpath={.status.replicas}=0", "gsw/assistant", "-n", namespace, "--timeout=60s")
    kubectl("wait", "--for=jsonpath={.status.queue.pending}=1", "gsw/assistant", "-n", namespace, "--timeout=60s")
    suspended = show("Suspended")
    workload("assistant", worker={"image": "registry.example/no-such-image:1"})
    degraded = show("Degraded")
    PRINTED.parent.mkdir(parents=True, exist_ok=True)
    PRINTED.write_text("\n".join(printed))

    assert asleep.split()[:6] == ["assistant", "True", "ScaledToZero", "0", "0", "0"]
    assert waking.split()[1:3] == ["True", "Waking"]
    assert active.split()[1:3] == ["True", "Active"]
    assert cooling.split()[1:3] == ["True", "CoolingDown"]
    assert suspended.split()[1:5] == ["False", "Suspended", "0", "1"]
    assert degraded.split()[1:3] == ["False", "Degraded"]
