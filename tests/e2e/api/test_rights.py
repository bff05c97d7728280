"""The operator's rights: it needs all of them, and no others. Runs after the tests that make it use them."""

from typing import Any

import pytest
import yaml

from greenscale_testing.control_plane import ROOT, ControlPlane

Right = tuple[str, str, str]

pytestmark = pytest.mark.usefixtures("control_plane")

FOR_APPLY = {("keda.sh", "scaledobjects", "create"), ("keda.sh", "triggerauthentications", "create")}
"""An apply that makes an object needs `create` too; the audit log calls it a patch."""

DECISION = "authorization.k8s.io/decision"

NOT_OURS = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}


def granted() -> set[Right]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac.yaml").read_text())
    rules = [rule for document in documents if "Role" in document["kind"] for rule in document.get("rules", [])]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def right_of(asked: dict[str, Any]) -> Right | None:
    reference = asked.get("objectRef")
    if reference is None:
        return None  # discovery: everybody may
    resource = reference["resource"] + (f"/{reference['subresource']}" if "subresource" in reference else "")
    return reference.get("apiGroup", ""), resource, asked["verb"]


def test_every_right_is_used_and_none_is_missing(control_plane: ControlPlane) -> None:
    asked = control_plane.asked_by_operator()
    used = {right for right in map(right_of, asked) if right} - NOT_OURS
    # A quota or a policy answers 403 too.
    refused = {right_of(request) for request in asked if request["annotations"][DECISION] == "forbid"}

    assert used - granted() == set()
    assert granted() - used - FOR_APPLY == set()
    assert refused == set()
