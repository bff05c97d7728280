"""What an answer of the API server means: whom it blames, and whether the same request may succeed later."""

import json

import pytest
from kubernetes.aio.client.exceptions import ApiException

from greenscale_operator.api import translate
from greenscale_operator.errors import (
    ClusterError,
    Forbidden,
    Gone,
    KindMissing,
    QuotaExceeded,
    Rejected,
    Unavailable,
)
from greenscale_operator.kinds import DEPLOYMENT, POD, WORKLOAD, Kind
from greenscale_operator.scalers.keda import SCALED_OBJECT, TRIGGER_AUTHENTICATION

POLICY = (
    "deployments.apps \"w\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no User here"
)


def answer(status: int, message: str, **details: object) -> ClusterError:
    error = ApiException(status=status, reason="Reason")
    error.body = json.dumps({"message": message, "details": details})
    return translate(error, "apply Deployment team/w", DEPLOYMENT)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, 'x is forbidden: User "system:serviceaccount:a:b" cannot create resource "x" in API group ""', Forbidden),
        (403, 'deployments.apps "w" is forbidden: exceeded quota: q, requested: count/deployments=1', QuotaExceeded),
        (403, POLICY, Rejected),
        (403, "deployments.apps is forbidden: a pod cannot run without limits", Rejected),
        (403, 'admission webhook "w" denied the request: User "bob" cannot create this', Rejected),
        (403, 'admission webhook "validate.kyverno.svc-fail" denied the request: no limits', Rejected),
        (403, 'deployments.apps "w" is forbidden: unable to create new content in namespace n', Rejected),
        (422, 'Deployment.apps "w" is invalid: spec.template.spec.containers[0].image: Required value', Rejected),
        (400, "Deployment in version v1 cannot be handled as a Deployment", Rejected),
        (413, "Request entity too large: limit is 3145728", Rejected),
        (500, "failed to create typed patch object (n/w; apps/v1, Kind=Deployment): .x: field not declared", Rejected),
        (500, '.spec.template.spec.containers[0].env: duplicate entries for key [name="A"]', Rejected),
        (500, "unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match", Rejected),
        (500, 'failed calling webhook "w": Post "https://w": connection refused', Unavailable),
        (500, "etcdserver: request timed out", Unavailable),
        (503, "the server is currently unable to handle the request", Unavailable),
        (429, "too many requests", Unavailable),
        (401, "Unauthorized", Unavailable),
        (409, "the object has been modified", Gone),
        (404, "the server could not find the requested resource", KindMissing),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, message: str, expected: type[ClusterError]) -> None:
    error = answer(status, message)

    assert type(error) is expected
    assert ("ServiceAccount" in str(error)) is (expected is Forbidden), "no other refusal is mended by a right"
    assert message[:40] in str(error)


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        pytest.param(SCALED_OBJECT, "KedaNotInstalled", "KEDA is not installed", id="KEDA's"),
        pytest.param(TRIGGER_AUTHENTICATION, "KedaNotInstalled", "KEDA is not installed", id="KEDA's other"),
        pytest.param(WORKLOAD, "KindMissing", "apply crds/greenscaleworkloads.yaml", id="ours"),
        pytest.param(POD, "KindMissing", "Kubernetes refused to ask: Not Found.", id="Kubernetes' own"),
    ],
)
def test_a_kind_that_the_cluster_does_not_know_is_named_by_what_was_asked_for(
    kind: Kind, reason: str, words: str
) -> None:
    """The API server answers with a page for a group that it does not serve, which names nothing."""
    error = ApiException(status=404, reason="Not Found")
    error.body = "404 page not found"
    problem = translate(error, "ask", kind)

    assert (type(problem), problem.reason) == (KindMissing, reason)
    assert words in str(problem)


def test_a_namespace_that_is_not_there_is_no_kind_that_is_missing() -> None:
    assert type(answer(404, 'namespaces "team" not found', name="team", kind="namespaces")) is Gone


def test_an_object_that_is_not_there_is_gone() -> None:
    assert type(answer(404, 'deployments.apps "w" not found', name="w")) is Gone


def test_an_answer_that_is_no_status_is_still_one() -> None:
    error = ApiException(status=502, reason="Bad Gateway")
    error.body = "<html>"

    assert str(translate(error, "get x", POD)) == "Kubernetes could not get x (502): Bad Gateway."
