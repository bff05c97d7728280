"""Watches that end, expire or go deaf, and an operator that slept while another took over."""

import asyncio
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubernetes.aio import client, config

from greenscale_operator.cluster import Cluster
from greenscale_operator.health import Health
from greenscale_operator.main import make_reconciler
from greenscale_operator.objects import Install
from greenscale_operator.queues import Queues
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.signals import Signals
from greenscale_operator.watch_cache import WatchCache
from greenscale_testing.api_proxy import ApiProxy
from greenscale_testing.control_plane import ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def forgetful_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server that serves watches from etcd itself: what etcd has compacted is gone for them."""
    folder = tmp_path / "plane"
    folder.mkdir()
    with ControlPlane(folder, "--watch-cache=false") as plane:
        plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
        yield plane


def test_a_watch_that_expired_is_begun_again(
    forgetful_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    """What happened meanwhile is in no watch any more (410): it must be found by a list."""
    plane = forgetful_plane
    own_redis.start()
    with ApiProxy(plane.url) as proxy:
        kubeconfig = plane.kubeconfig_of("greenscale-operator", "greenscale-system", server=proxy.url)
        start_operator(plane, KUBECONFIG=str(kubeconfig))
        plane.apply(manifest(own_redis.address.port, "before"))
        await_ready(plane, "before")
        proxy.cut()
        plane.apply(manifest(own_redis.address.port, "meanwhile"))
        plane.kubectl("patch", "so", "before-scaler", "--type=merge", "-p", '{"spec": {"cooldownPeriod": 1}}')
        plane.compact()
        proxy.mend()
        await_ready(plane, "meanwhile")
        plane.kubectl("wait", "--for=jsonpath={.spec.cooldownPeriod}=300", "so/before-scaler", "--timeout=60s")

        assert proxy.expired.is_set()


def manifest(port: int, name: str) -> Manifest:
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"engine": {"type": "Echo"}, "queue": {"redis": {"host": "127.0.0.1", "port": port}}},
    }


def await_ready(plane: ControlPlane, name: str) -> None:
    wait_for = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=WaitingForKeda'
    plane.kubectl("wait", wait_for, f"gsw/{name}", "--timeout=60s")


@pytest.mark.parametrize("hears", [True, False])
async def test_a_watch_that_shows_nothing_fails_the_probe(
    control_plane: ControlPlane, workload: Make, *, hears: bool
) -> None:
    """Dead watches were seen to leave an operator alive and blind: the probe must have it started again."""
    workload()
    kubeconfig = control_plane.kubeconfig_of("greenscale-operator", "greenscale-system")
    configuration = client.Configuration()
    await config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with client.ApiClient(configuration) as api:
        cluster, cache, queues = Cluster(api), WatchCache(), Queues()
        reconciler = make_reconciler(cluster, cache, queues, Keda(), Install(), identity="test")
        signals = Signals(cluster, cache, reconciler, resync_seconds=0.05, deaf_seconds=0.5)
        if hears:
            for body in await cluster.workloads():
                cache.put_workload(body)
        health = Health([signals.deaf])
        resync = asyncio.create_task(signals.resync())
        await asyncio.sleep(2)  # that nothing is noticed takes its time to show
        resync.cancel()
        await signals.queue.aclose()
        await queues.aclose()
    await asyncio.sleep(0.25)  # aiohttp's connections end a little after their session; nothing tells when

    assert bool(health.problems()) is not hears


def test_an_operator_that_slept_past_its_lease_ends_and_writes_nothing(
    start_operator: Start, workload: Make, await_reason: Await, tmp_path: Path
) -> None:
    """A frozen node thaws: what it took for its own is another's by then, and it ends as soon as it reads so."""
    ports = [free_port(), free_port()]
    first = start_operator(GREENSCALE_HEALTH_PORT=str(ports[0]))
    _await_role(ports[0], "leading")
    start_operator(GREENSCALE_HEALTH_PORT=str(ports[1]))
    _await_role(ports[1], "standing by")
    first.send_signal(signal.SIGSTOP)
    _await_role(ports[1], "leading")
    first.send_signal(signal.SIGCONT)
    status = first.wait(30)
    workload()
    await_reason("Ready", "WaitingForKeda")

    assert status == 1
    log = (tmp_path / "operator-0.log").read_text()
    assert "lost the Lease greenscale-system/greenscale-operator to operator-1" in log


def _await_role(port: int, role: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
                if reply.read().decode().strip() == role:
                    return
        except urllib.error.URLError:
            pass
        subprocess.run(["sleep", "0.1"], check=True)  # noqa: S607 - it tells only who asks
    raise AssertionError(f"no operator on port {port} is {role}")
