"""`greenscale doctor` before a real API server: what is missing is named, then it is there."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from greenscale_cli.exits import Exit
from greenscale_jobs import RedisAddress
from greenscale_testing.control_plane import ROOT, ControlPlane
from greenscale_testing.instances import GREENSCALE
from greenscale_testing.kubernetes import Manifest

Examine = Callable[..., dict[str, tuple[str, str]]]


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

    assert found["keda"] == ("fault", "no Deployment keda-operator is in any namespace")
    assert found["keda metrics"][0] == "fault"
    assert found["operator"] == ("fault", "no Deployment greenscale-operator is in any namespace")


def test_an_older_crd_is_told_apart(examine: Examine, control_plane: ControlPlane) -> None:
    file = ROOT / "crds" / "greenscaleworkloads.yaml"
    crd = yaml.safe_load(file.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["suspend"]
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", told=json.dumps(crd))
    try:
        found = examine()
    finally:
        control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))

    assert found["crd"] == ("warning", "it has other fields than this version of GreenScale")


def test_an_operator_without_pods_is_a_fault(examine: Examine, control_plane: ControlPlane) -> None:
    file = ROOT / "deploy" / "base" / "operator.yaml"
    control_plane.kubectl("apply", "-n", "greenscale-system", "-f", str(file))
    try:
        found = examine()
    finally:
        control_plane.kubectl("delete", "-n", "greenscale-system", "-f", str(file))

    assert found["operator"] == ("fault", "0 of 2 pods of greenscale-system/greenscale-operator are available")


def test_secrets_that_workloads_name_are_looked_for(
    examine: Examine, control_plane: ControlPlane, namespace: str, workload: Callable[..., Manifest]
) -> None:
    reference = {"name": "openai", "key": "api-key"}
    workload("needs", engine={"type": "OpenAI", "openAI": {"apiKeySecretRef": reference}})
    assert f"{namespace}/openai of workload needs does not exist" in examine()["secrets"][1]
    control_plane.kubectl("create", "secret", "generic", "openai", "-n", namespace, "--from-literal=other=never-shown")
    verdict, said = examine()["secrets"]
    assert (verdict, f"{namespace}/openai of workload needs has no key api-key" in said) == ("fault", True)
    assert "never-shown" not in said
    control_plane.kubectl("patch", "secret", "openai", "-n", namespace, "-p", '{"stringData": {"api-key": "k"}}')

    assert f"{namespace}/openai" not in examine()["secrets"][1]


def test_whoever_may_nothing_is_told_so(examine: Examine, control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    found = examine(control_plane.kubeconfig_of("nobody", namespace))

    assert found["kubernetes rights"] == (
        "warning",
        (
            "you may not: list greenscaleworkloads, create greenscaleworkloads, patch greenscaleworkloads, list pods, "
            "get pods/log (in all namespaces)"
        ),
    )
    assert {found[check][0] for check in ("crd", "keda", "operator", "secrets")} == {"not checked"}
