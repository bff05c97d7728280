"""The CRD on a real kube-apiserver: its rules, its defaults, and what cannot be changed."""

import json
from typing import Any

import pytest
import yaml

from greenscale_operator import schema
from greenscale_testing.control_plane import ROOT, ControlPlane
from greenscale_testing.rules import RULES, resource

Json = dict[str, Any]


def refused(plane: ControlPlane, manifest: Json) -> str:
    with pytest.raises(AssertionError) as refusal:
        plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))
    return str(refusal.value)


@pytest.mark.parametrize(("bad", "good", "message"), RULES)
def test_each_rule_holds_and_says_what_to_do(control_plane: ControlPlane, bad: Json, good: Json, message: str) -> None:
    assert message in refused(control_plane, bad)
    control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(good))


def test_defaults_are_those_of_local_mode(control_plane: ControlPlane) -> None:
    bare = {"apiVersion": schema.API_VERSION, "kind": schema.KIND, "metadata": {"name": "w"}, "spec": {"engine": {}}}
    made = json.loads(
        control_plane.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(bare))
    )

    assert made["spec"] == schema.with_defaults(bare)["spec"]


@pytest.mark.parametrize("after", ["other", None], ids=["another", "none"])
def test_the_list_cannot_be_changed(control_plane: ControlPlane, namespace: str, after: str | None) -> None:
    manifest = resource(queue={"listName": "jobs"})
    manifest["metadata"]["namespace"] = namespace
    control_plane.apply(manifest)
    manifest["spec"]["queue"]["listName"] = after
    with pytest.raises(AssertionError, match="jobs would be left behind"):
        control_plane.apply(manifest)


@pytest.mark.parametrize("folder", ["examples", "deploy/samples"])
def test_what_we_show_is_valid(control_plane: ControlPlane, folder: str) -> None:
    for file in sorted((ROOT / folder).glob("*.yaml")):
        manifest = yaml.safe_load(file.read_text())
        manifest["metadata"].pop("namespace", None)
        control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))


def test_kubectl_explains_every_field(control_plane: ControlPlane) -> None:
    explained = control_plane.kubectl("explain", "gsw.spec.scaling.cooldownPeriod")

    assert "DESCRIPTION" in explained
    assert "<empty>" not in explained
