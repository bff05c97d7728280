"""`greenscale doctor` before a real API server: what is missing is named, then it is there."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from greenscale_cli.doctor.cluster_checks import LEASE_NEEDS, OPERATOR, OPERATOR_NEEDS
from greenscale_cli.exits import Exit
from greenscale_jobs import RedisAddress
from greenscale_testing.control_plane import ROOT, ControlPlane
from greenscale_testing.instances import GREENSCALE
from greenscale_testing.kubernetes import Manifest

Examine = Callable[..., dict[str, tuple[str, str]]]


NAMESPACE = "greenscale-system"
OURS = version("greenscale")


@pytest.fixture
def examine(control_plane: ControlPlane, address: RedisAddress) -> Examine:
    """Return verdict and words of each check of the cluster."""

    def examine(kubeconfig: Path = control_plane.kubeconfig) -> dict[str, tuple[str, str]]:
        where = {"REDIS_HOST": address.host, "REDIS_PORT": str(address.port), "KUBECONFIG": str(kubeconfig)}
        command = [str(GREENSCALE), "doctor", "-o", "json"]
        ran = subprocess.run(command, env={**os.environ, **where}, capture_output=True, text=True, check=False)
        assert (ran.returncode in {0, Exit.FAILED}, ran.stderr) == (True, "")
        return {found["check"]: (found["verdict"], found["found"]) for found in json.loads(ran.stdout)}

    return examine


def test_the_cluster_answers_and_knows_our_fields(examine: Examine) -> None:
    found = examine()

    assert found["cluster"][0] == "ok"
    assert found["cluster"][1].startswith("Kubernetes v1.")
    assert found["crd"] == ("ok", "installed, with the fields of this version")
    assert found["kubernetes rights"][0] == "ok"


def test_what_is_not_installed_is_a_fault(examine: Examine) -> None:
    """KEDA's CRDs are there, its programs are not."""
    found = examine()

    assert found["keda"] == ("fault", "no namespace has a Deployment keda-operator")
    assert found["keda metrics"][0] == "fault"
    assert found["operator"] == ("fault", "no namespace has a Deployment greenscale-operator")


def test_an_older_crd_is_distinguished(examine: Examine, control_plane: ControlPlane) -> None:
    file = ROOT / "crds" / "greenscaleworkloads.yaml"
    crd = yaml.safe_load(file.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["suspend"]
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(crd))
    try:
        found = examine()
    finally:
        control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))

    assert found["crd"] == ("warning", "its fields differ from this version of GreenScale")


@pytest.fixture
def install_operator(control_plane: ControlPlane) -> Iterator[Callable[..., None]]:
    """Apply the operator's Deployment with another image or account; so many of its pods are reported as available."""
    file = ROOT / "deploy" / "base" / "operator.yaml"
    where = ("-n", NAMESPACE)

    def install(*, image: str = f"greenscale-operator:{OURS}", account: str = OPERATOR, available: int = 0) -> None:
        control_plane.kubectl("apply", *where, "-f", str(file))
        control_plane.kubectl("set", "image", *where, f"deployment/{OPERATOR}", f"operator={image}")
        control_plane.kubectl("set", "serviceaccount", *where, "deployment", OPERATOR, account)
        # No controller counts pods here.
        counts = {"replicas": 2, "readyReplicas": available, "availableReplicas": available}
        control_plane.kubectl(
            "patch", "deployment", OPERATOR, *where, "--subresource=status", "-p", json.dumps({"status": counts})
        )

    yield install
    control_plane.kubectl("delete", *where, "-f", str(file))


def test_an_operator_without_pods_is_a_fault(examine: Examine, install_operator: Callable[..., None]) -> None:
    install_operator()

    assert examine()["operator"] == (
        "fault",
        "0 of 2 pods of greenscale-system/greenscale-operator are available",
    )


@pytest.mark.parametrize(
    ("image", "verdict", "text"),
    [
        (f"greenscale-operator:{OURS}", "ok", f"version {OURS}"),
        ("localhost:5000/greenscale-operator:0.0.9", "warning", f"version 0.0.9; this command is {OURS}"),
        (f"greenscale-operator@sha256:{'0a' * 32}", "ok", "version unknown"),
    ],
)
def test_an_operator_of_another_version_is_distinguished(
    examine: Examine, install_operator: Callable[..., None], image: str, verdict: str, text: str
) -> None:
    install_operator(image=image, available=1)

    pods = "1 of 2 pods of greenscale-system/greenscale-operator are available"
    assert examine()["operator"] == (verdict, f"{pods}, {text}")


def test_the_operators_own_roles_are_all_that_it_needs(examine: Examine, install_operator: Callable[..., None]) -> None:
    install_operator()

    user = "system:serviceaccount:greenscale-system:greenscale-operator"
    assert examine()["operator rights"] == ("ok", f"{user} has all rights that it needs")


def test_each_right_that_the_operator_lacks_is_named(
    examine: Examine, install_operator: Callable[..., None], control_plane: ControlPlane
) -> None:
    control_plane.kubectl("create", "serviceaccount", "powerless", "-n", NAMESPACE)
    install_operator(account="powerless")
    verdict, text = examine()["operator rights"]
    user, denied = text.split(" may not: ")

    assert (verdict, user) == ("fault", f"system:serviceaccount:{NAMESPACE}:powerless")
    assert len(denied.split(", ")) == len(OPERATOR_NEEDS) + len(LEASE_NEEDS)
    assert {"patch greenscaleworkloads/status", "get secrets", "update leases"} <= set(denied.split(", "))


def test_the_one_right_that_the_operator_lacks_is_named(
    examine: Examine, install_operator: Callable[..., None], control_plane: ControlPlane
) -> None:
    """A role that was installed by an older version lacks what came later."""
    install_operator()
    role = control_plane.get("clusterrole", OPERATOR, NAMESPACE)
    rules = [rule for rule in role["rules"] if rule["resources"] != ["secrets"]]
    control_plane.kubectl("patch", "clusterrole", OPERATOR, "--type=merge", "-p", json.dumps({"rules": rules}))
    try:
        control_plane.await_right("get", "secrets", allowed=False)
        found = examine()["operator rights"]
    finally:
        control_plane.grant()
        control_plane.await_right("get", "secrets", allowed=True)

    assert found == ("fault", "system:serviceaccount:greenscale-system:greenscale-operator may not: get secrets")


def test_an_operator_that_is_not_installed_has_no_rights_to_check(examine: Examine) -> None:
    assert examine()["operator rights"] == ("not checked", "no namespace has a Deployment greenscale-operator")


def test_secrets_that_workloads_name_are_looked_for(
    examine: Examine, control_plane: ControlPlane, namespace: str, workload: Callable[..., Manifest]
) -> None:
    reference = {"name": "openai", "key": "api-key"}
    workload("needs", engine={"type": "OpenAI", "openAI": {"apiKeySecretRef": reference}})
    assert f"{namespace}/openai of workload needs does not exist" in examine()["secrets"][1]
    control_plane.kubectl("create", "secret", "generic", "openai", "-n", namespace, "--from-literal=other=never-shown")
    verdict, text = examine()["secrets"]
    assert (verdict, f"{namespace}/openai of workload needs has no key api-key" in text) == ("fault", True)
    assert "never-shown" not in text
    control_plane.kubectl("patch", "secret", "openai", "-n", namespace, "-p", '{"stringData": {"api-key": "k"}}')

    assert f"{namespace}/openai" not in examine()["secrets"][1]


def test_whoever_may_do_nothing_reads_so(examine: Examine, control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    found = examine(control_plane.kubeconfig_of("nobody", namespace))

    assert found["kubernetes rights"] == (
        "warning",
        (
            "you may not: list greenscaleworkloads, create greenscaleworkloads, patch greenscaleworkloads, list pods, "
            "get pods/log (in all namespaces)"
        ),
    )
    assert {found[check][0] for check in ("crd", "keda", "operator", "operator rights", "secrets")} == {"not checked"}
