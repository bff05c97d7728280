"""The operator killed at every write it makes, before it and after it: who follows puts everything right.

The writes are found by a proxy that sees all of them, so one that is added later is covered too.
"""

import contextlib
import itertools
import subprocess
from collections.abc import Callable, Iterator

import pytest

from greenscale_jobs import JobClient, RedisAddress
from greenscale_testing.api_proxy import ApiProxy, Kill, When
from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.timeout(400)

MAX_WRITES = 15

SETTLED = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=WaitingForKeda'


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[ApiProxy]:
    with ApiProxy(control_plane.url) as proxy:
        yield proxy


@pytest.fixture
def start_behind(control_plane: ControlPlane, proxy: ApiProxy, start_operator: Start) -> Start:
    """Start an operator that is always the same one: it need not wait for the Lease of the one that was killed."""
    kubeconfig = control_plane.kubeconfig_of("greenscale-operator", "greenscale-system", server=proxy.url)

    def start() -> "subprocess.Popen[bytes]":
        return start_operator(KUBECONFIG=str(kubeconfig), GREENSCALE_IDENTITY="the-one")

    return start


@pytest.fixture
def ended(control_plane: ControlPlane, namespace: str) -> Callable[..., bool]:
    """Wait until kubectl has seen something, or the operator is killed before; returns whether it was."""

    def wait(operator: "subprocess.Popen[bytes]", *condition: str) -> bool:
        words = ("wait", *condition, "-n", namespace, "--timeout=60s")
        command = ["kubectl", f"--kubeconfig={control_plane.kubeconfig}", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as waiting:
            while waiting.poll() is None and operator.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    operator.wait(0.1)
            waiting.terminate()
            assert waiting.stderr
            complaint = waiting.stderr.read().decode()
        killed = operator.poll() is not None
        assert killed or waiting.returncode == 0, complaint
        return killed

    return wait


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_workload_is_made_whole_whatever_write_its_operator_died_at(
    control_plane: ControlPlane,
    start_behind: Start,
    proxy: ApiProxy,
    workload: Make,
    await_reason: Await,
    ended: Callable[..., bool],
    namespace: str,
    when: When,
) -> None:
    """Half-made things must not wake a worker, and nothing may be made twice."""
    points, operator = [], start_behind()
    for number in itertools.count(1):
        assert number < MAX_WRITES, "the operator writes for ever"
        name = f"killed-{number}"
        proxy.kill = Kill(operator, f"{name}", number, when)
        workload(name)
        if not ended(operator, SETTLED, f"gsw/{name}"):
            break
        points.append(proxy.kill.done)
        proxy.kill = None
        operator = start_behind()
        await_reason("Ready", "WaitingForKeda", name)
    print("\n".join(f"killed {when} {point}" for point in points))  # noqa: T201

    assert [point.partition("/")[0] for point in points[:6]] == [
        "POST deployments",  # both are tried first
        "POST scaledobjects",
        "POST deployments",
        "PATCH deployments",
        "PATCH scaledobjects",
        "PATCH greenscaleworkloads",
    ]
    for number in range(1, len(points) + 2):
        deployment = control_plane.get("deployment", f"killed-{number}", namespace)
        assert deployment["spec"]["replicas"] == 0
        assert "greenscale.dev/intent" in deployment["metadata"]["annotations"]
        assert control_plane.get("scaledobject", f"killed-{number}-scaler", namespace)["spec"]["maxReplicaCount"] == 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deletion_ends_whatever_write_its_operator_died_at(
    control_plane: ControlPlane,
    start_behind: Start,
    proxy: ApiProxy,
    workload: Make,
    await_reason: Await,
    ended: Callable[..., bool],
    address: RedisAddress,
    when: When,
) -> None:
    points, operator = [], start_behind()
    for number in itertools.count(1):
        assert number < MAX_WRITES, "the operator writes for ever"
        name = f"gone-{number}"
        namespace = workload(name, queue={"deletionPolicy": "Delete"})["metadata"]["namespace"]
        await_reason("Ready", "WaitingForKeda", name)
        with JobClient(address, f"greenscale:{{{namespace}/{name}}}") as client:
            client.submit("goes with it")
            proxy.kill = Kill(operator, f"{name}", number, when)
            control_plane.kubectl("delete", "gsw", name, "-n", namespace, "--wait=false")
            killed = ended(operator, "--for=delete", f"gsw/{name}")
            points += [proxy.kill.done] if killed else []
            proxy.kill = None
            if killed:
                operator = start_behind()
            control_plane.kubectl("wait", "--for=delete", f"gsw/{name}", "-n", namespace, "--timeout=60s")

            assert client.stats().pending == 0
        if not killed:
            break
    print("\n".join(f"killed {when} {point}" for point in points))  # noqa: T201

    assert {point.partition("/")[0] for point in points} >= {"PATCH scaledobjects", "DELETE scaledobjects"}
