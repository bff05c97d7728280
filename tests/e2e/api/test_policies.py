"""Admission that refuses or changes what we write: quotas, policies and webhooks."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from greenscale_testing.control_plane import ControlPlane
from greenscale_testing.kubernetes import Manifest

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def policy(control_plane: ControlPlane, namespace: str) -> Iterator[Callable[[str, str], None]]:
    """Enforce a rule, in CEL, on the namespace's Deployments."""
    name = f"policy-{namespace}"
    kinds = ("validatingadmissionpolicy", "validatingadmissionpolicybinding")

    def enforce(expression: str, message: str) -> None:
        api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
        rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
        matches = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [rule],
        }
        validations = [{"expression": expression, "message": message}]
        spec = {"failurePolicy": "Fail", "matchConstraints": matches, "validations": validations}
        control_plane.apply(
            {**api, "kind": "ValidatingAdmissionPolicy", "spec": spec},
            {
                **api,
                "kind": "ValidatingAdmissionPolicyBinding",
                "spec": {"policyName": name, "validationActions": ["Deny"]},
            },
        )
        for _ in range(200):  # it takes effect in its own time
            probe = ("create", "deployment", "probe", "--image=x", "--dry-run=server", "-n", namespace)
            try:
                control_plane.kubectl(*probe)
            except AssertionError:
                return
        raise AssertionError("the policy is not enforced")

    yield enforce
    for kind in kinds:
        control_plane.kubectl("delete", kind, name, "--ignore-not-found")


def test_a_policy_that_wants_limits_accepts_a_workload_that_has_them(
    start_operator: Start, workload: Make, await_reason: Await, policy: Callable[[str, str], None]
) -> None:
    """No bare Deployment is created first: it would be refused, or rolled back to later."""
    policy(
        "object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && "
        "'cpu' in c.resources.limits)",
        "every container needs a limit of cpu",
    )
    start_operator()
    workload("without")
    refused = await_reason("Ready", "Rejected", "without")
    workload("with", worker={"resources": {"limits": {"cpu": "1"}}})
    await_reason("Ready", "WaitingForKeda", "with")

    assert "every container needs a limit of cpu" in refused["message"]
    assert "ServiceAccount" not in refused["message"], "no right would help"


def test_a_quota_is_named_and_not_taken_for_a_missing_right(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    hard = {"count/deployments.apps": "0"}
    metadata = {"name": "none", "namespace": namespace}
    control_plane.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}})
    status = json.dumps({"status": {"hard": hard, "used": hard}})  # what a controller would write
    control_plane.kubectl(
        "patch", "quota", "none", "-n", namespace, "--subresource=status", "--type=merge", "-p", status
    )
    start_operator()
    workload()
    ready = await_reason("Ready", "QuotaExceeded")
    control_plane.kubectl("delete", "quota", "none", "-n", namespace)
    workload(suspend=True)  # the next try is a minute away; an edit is looked at at once
    await_reason("Ready", "Suspended")

    assert "exceeded quota: none" in ready["message"]
    assert "ServiceAccount" not in ready["message"]


def test_a_webhook_that_is_away_is_reported_with_its_words_and_its_return_noticed(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    """A 500 that comes again and again is no passing trouble."""
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"away-{namespace}"},
        "webhooks": [
            {
                "name": "away.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "timeoutSeconds": 1,
                "failurePolicy": "Fail",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
                ],
            }
        ],
    }
    control_plane.apply(hook)
    start_operator()
    workload()
    ready = await_reason("Ready", "Rejected")
    accepted = await_reason("SpecAccepted", "Rejected")
    control_plane.kubectl("delete", "validatingwebhookconfiguration", f"away-{namespace}")
    await_reason("Ready", "WaitingForKeda", seconds=90)

    assert "away.example.com" in ready["message"]
    assert "This is the answer since 20" in ready["message"]
    assert (accepted["status"], accepted["reason"]) == ("Unknown", "Rejected")


@pytest.fixture
def mutating(control_plane: ControlPlane, namespace: str) -> Iterator[Callable[[], None]]:
    """A policy that gives each Deployment of the namespace a priority class and another registry."""
    name = f"mutate-{namespace}"
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}

    def enforce() -> None:
        rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
        template = "Object.spec.template.spec"
        expression = (
            f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: {template}{{priorityClassName: 'x', "
            f"containers: [{template}.containers{{name: 'worker', image: 'mirror/worker'}}]}}}}}}}}"
        )
        matches = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}],
        }
        mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": matches,
            "mutations": [mutation],
        }
        control_plane.apply(
            {**api, "kind": "MutatingAdmissionPolicy", "spec": spec},
            {**api, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": name}},
        )
        probe = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "probe", "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "worker", "image": "i"}]},
                },
            },
        }
        for _ in range(200):  # it takes effect in its own time
            made = control_plane.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(probe))
            if "mirror/worker" in made:
                return
        raise AssertionError("the policy is not enforced")

    yield enforce
    for kind in ("mutatingadmissionpolicy", "mutatingadmissionpolicybinding"):
        control_plane.kubectl("delete", kind, name, "--ignore-not-found")


def test_what_a_mutating_policy_makes_of_our_own_write_is_left_without_a_fight(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    mutating: Callable[[], None],
    namespace: str,
) -> None:
    start_operator()
    workload("before")
    await_reason("Ready", "WaitingForKeda", "before")
    mutating()
    workload("before", worker={"concurrency": 2})
    workload("after")
    await_reason("Ready", "WaitingForKeda", "after")
    control_plane.kubectl(
        "wait", "--for=jsonpath={.spec.template.spec.priorityClassName}=x", "deploy/before", "-n", namespace,
        "--timeout=30s",
    )  # fmt: skip
    workload("sentinel")
    await_reason("Ready", "WaitingForKeda", "sentinel")
    versions = [control_plane.get("deployment", name, namespace)["metadata"] for name in ("before", "after")]
    workload("second-sentinel")
    await_reason("Ready", "WaitingForKeda", "second-sentinel")
    later = [control_plane.get("deployment", name, namespace) for name in ("before", "after")]

    assert [one["metadata"]["generation"] for one in later] == [one["generation"] for one in versions]
    assert {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in later} == {"mirror/worker"}
    assert "DriftCorrected" not in control_plane.kubectl("get", "events", "-n", namespace)
