"""The commands that a person types, as the README and the brief have them."""

from collections.abc import Callable, Iterator

import pytest

from greenscale_testing.control_plane import ROOT
from greenscale_testing.kubernetes import INSTALLATION, await_state, kubectl, until

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def sample() -> Iterator[None]:
    kubectl("apply", "-f", str(ROOT / "deploy" / "samples" / "echo.yaml"))
    kubectl("wait", "--for=condition=Ready", "gsw/greenscale-worker", "-n", INSTALLATION, "--timeout=60s")
    yield
    kubectl("delete", "-f", str(ROOT / "deploy" / "samples" / "echo.yaml"))


def here(command: str) -> Callable[[], str]:
    words = command.split()
    assert words.pop(0) == "kubectl"
    return lambda: kubectl("-n", INSTALLATION, *words)


@pytest.mark.usefixtures("sample")
def test_the_commands_for_looking_work_as_written() -> None:
    scaler = here("kubectl describe scaledobject greenscale-worker-scaler")()
    before = here("kubectl exec deploy/redis -- redis-cli LLEN jobs")().strip()
    here("kubectl exec deploy/redis -- redis-cli LPUSH jobs hello")()
    await_state("greenscale-worker", INSTALLATION, "CoolingDown")
    logs = here("kubectl logs deploy/greenscale-worker")()
    hpa = here("kubectl get hpa")()
    explained = here("kubectl describe gsw greenscale-worker")()
    listed = here("kubectl get greenscaleworkloads")()

    assert "Name:         greenscale-worker-scaler" in scaler
    assert before == "0"
    assert '"event":"done"' in logs
    assert "keda-hpa-greenscale-worker-scaler" in hpa
    assert "Idle" not in listed
    assert "KEDA watches the queue." in explained
    assert "CoolingDown" in listed


def test_the_overlay_for_minikube_is_accepted() -> None:
    applied = kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts",
                      "-k", str(ROOT / "deploy" / "overlays" / "minikube"))  # fmt: skip

    assert "deployment.apps/greenscale-operator serverside-applied (server dry run)" in applied


def test_one_operator_works_and_one_stands_by() -> None:
    """And the one that stands by takes over when the other's pod is gone."""

    def holder() -> str:
        return kubectl(
            "get", "lease", "greenscale-operator", "-n", INSTALLATION, "-o", "jsonpath={.spec.holderIdentity}"
        )

    first = holder()
    kubectl("delete", "pod", first, "-n", INSTALLATION, "--wait=false")
    until(lambda: holder() not in {first, ""}, seconds=60)
    kubectl("rollout", "status", "deployment/greenscale-operator", "-n", INSTALLATION, "--timeout=90s")

    assert holder() != first
