"""`greenscale render`: what a workload becomes in a cluster."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from greenscale_cli.exits import Exit

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

EXAMPLES = Path(__file__).parents[2] / "examples"

WORKLOAD = """
apiVersion: greenscale.dev/v1alpha1
kind: GreenScaleWorkload
metadata: {name: w}
spec:
  engine: {type: Echo}
  scaling: {maxReplicas: 2}
"""


@pytest.mark.parametrize("example", sorted(file.name for file in EXAMPLES.glob("*.yaml")))
def test_an_example_becomes_manifests(greenscale: Greenscale, example: str) -> None:
    ran = greenscale("render", str(EXAMPLES / example))
    manifests = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(ran.stdout)}
    asked = yaml.safe_load((EXAMPLES / example).read_text())

    assert (ran.returncode, ran.stderr) == (0, "")
    assert {"Deployment", "ScaledObject"} <= set(manifests)
    assert manifests["Deployment"]["metadata"]["name"] == asked["metadata"]["name"]
    assert manifests["ScaledObject"]["spec"]["maxReplicaCount"] == asked["spec"]["scaling"]["maxReplicas"]


def test_no_redis_is_needed(greenscale: Greenscale) -> None:
    assert greenscale("render", str(EXAMPLES / "local.yaml"), REDIS_PORT="1").returncode == 0


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"spec: [", "workload.yaml is not valid YAML: while parsing", id="no YAML"),
        pytest.param(b"a: \xff", "workload.yaml cannot be read: 'utf-8' codec", id="no UTF-8"),
        pytest.param(b"", "workload.yaml holds 0 documents; give a file with one", id="nothing"),
        pytest.param(b"kind: Pod", "workload.yaml holds no GreenScaleWorkload: it must say", id="another kind"),
        pytest.param(
            WORKLOAD.replace("maxReplicas: 2", "maxReplicas: 0, minReplica: 1").encode(),
            "spec.scaling.maxReplicas: 0 is less than the minimum of 1",
            id="every fault of the resource",
        ),
        pytest.param(WORKLOAD.replace("Echo", "Server").encode(), "workload.yaml is not valid: ", id="a broken rule"),
        pytest.param(
            WORKLOAD.replace("scaling: {maxReplicas: 2}", "worker: {podTemplate: {spec: []}}").encode(),
            "spec.worker.podTemplate.spec is a list where an object belongs",
            id="a podTemplate that does not fit",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_fault(refused: Refused, tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "workload.yaml").write_bytes(content)

    assert fault in refused(Exit.USAGE, "render", "workload.yaml")


def test_a_missing_file_is_named(refused: Refused) -> None:
    assert refused(Exit.USAGE, "render", "nope.yaml").startswith("nope.yaml cannot be read: ")
