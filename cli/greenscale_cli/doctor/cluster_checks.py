"""Checks of an installation in a cluster: the CRD, KEDA, the operator, rights, Secrets."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from greenscale_cli.doctor.cluster import Cluster, Manifest, NoCluster, Refused
from greenscale_cli.doctor.finding import Finding, Verdict, fault, ok, unchecked, warning
from greenscale_jobs.version import __version__

NOT_FOUND = 404

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WORKLOADS = "/apis/greenscale.dev/v1alpha1/greenscaleworkloads"
METRICS = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"
INSTALL_KEDA = "Install KEDA: https://keda.sh/docs/latest/deploy/"

OPERATOR = "greenscale-operator"
INSTALL = "kubectl apply --server-side -k deploy/overlays/minikube"

Right = tuple[str, str, str, str]
"""Verb, group, resource, subresource."""

EVERYWHERE: Mapping[str, str] = {}
"""All namespaces, and objects of any name."""

NEEDED: tuple[Right, ...] = (
    ("list", "greenscale.dev", "greenscaleworkloads", ""),
    ("create", "greenscale.dev", "greenscaleworkloads", ""),
    ("patch", "greenscale.dev", "greenscaleworkloads", ""),
    ("list", "", "pods", ""),
    ("get", "", "pods", "log"),
)
"""The rights of a person who declares workloads and reads their logs."""

APPLY = ("get", "list", "watch", "create", "patch")

OPERATOR_NEEDS: tuple[Right, ...] = (
    *((verb, "greenscale.dev", "greenscaleworkloads", "") for verb in ("list", "watch", "patch")),
    ("patch", "greenscale.dev", "greenscaleworkloads", "status"),
    *((verb, "apps", "deployments", "") for verb in APPLY),
    *(
        (verb, "keda.sh", kind, "")
        for kind in ("scaledobjects", "triggerauthentications")
        for verb in (*APPLY, "delete")
    ),
    ("list", "", "pods", ""),
    ("get", "", "secrets", ""),
    ("get", "", "configmaps", ""),
    ("create", "events.k8s.io", "events", ""),
    *((verb, "apiextensions.k8s.io", "customresourcedefinitions", "") for verb in ("list", "watch")),
)
"""The operator's rights in all namespaces, as granted by deploy/base/rbac.yaml."""

LEASE_NEEDS: tuple[Right, ...] = tuple(
    (verb, "coordination.k8s.io", "leases", "") for verb in ("get", "create", "update")
)
"""The operator's rights on its Lease in its own namespace: without them it stands by for ever."""


def check_cluster() -> Iterator[Finding]:
    """Check the cluster of the kubeconfig; without one, yield that it was not checked."""
    try:
        cluster = Cluster()
    except NoCluster as why:
        yield unchecked("cluster", str(why))
        return
    try:
        kubernetes = cluster.ask("/version")["gitVersion"]
    except NoCluster as why:
        yield fault("cluster", str(why))
        return
    except Refused as error:
        yield fault("cluster", f"the API server refuses access: {error}", "Renew the kubeconfig's credentials.")
        return
    yield ok("cluster", f"Kubernetes {kubernetes} answers")
    for check, run in CHECKS.items():
        try:
            yield from run(check, cluster)
        except Refused as error:
            yield unchecked(check, f"the API server refuses the request: {error}")
        except NoCluster as why:
            yield unchecked(check, str(why))


def _crd(check: str, cluster: Cluster) -> Iterator[Finding]:
    update = "kubectl apply --server-side -f crds/greenscaleworkloads.yaml"
    found = _find(cluster, f"{CRDS}/greenscaleworkloads.greenscale.dev")
    if found is None:
        yield fault(check, "the CRD GreenScaleWorkload is not installed", f"Install it: {update}")
    elif _fields(found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]) != _our_fields():
        yield warning(check, "its fields differ from this version of GreenScale", f"Update it: {update}")
    else:
        yield ok(check, "installed, with the fields of this version")


def _our_fields() -> set[str] | None:
    from greenscale_operator import schema  # noqa: PLC0415

    return _fields(schema.crd_schema())


def _fields(schema: Manifest, path: str = "") -> set[str]:
    """Return the paths of all fields in a schema. Pure."""
    found = {path}
    for name, part in schema.get("properties", {}).items():
        found |= _fields(part, f"{path}.{name}")
    return found | (_fields(schema["items"], f"{path}[]") if "items" in schema else set())


def _keda(check: str, cluster: Cluster) -> Iterator[Finding]:
    if _find(cluster, f"{CRDS}/scaledobjects.keda.sh") is None:
        yield fault(
            check, "KEDA's CRD ScaledObject is not installed: jobs are accepted, but no worker starts", INSTALL_KEDA
        )
        return
    yield _deployment(check, cluster, "keda-operator", INSTALL_KEDA)


def _metrics(check: str, cluster: Cluster) -> Iterator[Finding]:
    found = _find(cluster, METRICS)
    if found is None:
        yield fault(check, "external.metrics.k8s.io is not served: no workload scales beyond one worker", INSTALL_KEDA)
        return
    conditions: list[Manifest] = found.get("status", {}).get("conditions", [])
    available = next((one for one in conditions if one["type"] == "Available"), {})
    if available.get("status") == "True":
        yield ok(check, "external.metrics.k8s.io is available")
    else:
        why = available.get("message", "no reason given")
        yield fault(check, f"external.metrics.k8s.io is not available: {why}", "Check KEDA's metrics API server.")


def _operator(check: str, cluster: Cluster) -> Iterator[Finding]:
    found = _deployment(check, cluster, OPERATOR, f"Install it: {INSTALL}")
    deployment = _find_deployment(cluster, OPERATOR)
    deployed, ours = version_of(deployment) if deployment else None, __version__
    if found.verdict is Verdict.OK and deployed not in {None, ours}:
        yield warning(check, f"{found.found}; this command is {ours}", f"Update both to one version: {INSTALL}")
    else:
        yield found


def _operator_rights(check: str, cluster: Cluster) -> Iterator[Finding]:
    deployment = _find_deployment(cluster, OPERATOR)
    if deployment is None:
        yield unchecked(check, f"no namespace has a Deployment {OPERATOR}")
        return
    namespace = deployment["metadata"]["namespace"]
    account = deployment["spec"]["template"]["spec"].get("serviceAccountName", "default")
    user = f"system:serviceaccount:{namespace}:{account}"
    denied = _denied(cluster, OPERATOR_NEEDS, user=user)
    denied += _denied(cluster, LEASE_NEEDS, user=user, where={"namespace": namespace, "name": OPERATOR})
    if denied:
        yield fault(check, f"{user} may not: {', '.join(denied)}", f"Update its roles: {INSTALL}")
    else:
        yield ok(check, f"{user} has all rights that it needs")


def _deployment(check: str, cluster: Cluster, name: str, install: str) -> Finding:
    found = _find_deployment(cluster, name)
    if found is None:
        return fault(check, f"no namespace has a Deployment {name}", install)
    namespace = found["metadata"]["namespace"]
    available, wanted = found.get("status", {}).get("availableReplicas", 0), found["spec"]["replicas"]
    text = f"{available} of {wanted} pods of {namespace}/{name} are available"
    if available:
        return ok(check, f"{text}, version {version_of(found) or 'unknown'}")
    return fault(check, text, f"Find out why: kubectl -n {namespace} describe deployment {name}")


def _find_deployment(cluster: Cluster, name: str) -> Manifest | None:
    found: list[Manifest] = cluster.ask(f"/apis/apps/v1/deployments?fieldSelector=metadata.name%3D{name}")["items"]
    return found[0] if found else None


def version_of(deployment: Manifest) -> str | None:
    """Return the tag of a Deployment's image; None without a tag. Pure."""
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2] or None


def _rights(check: str, cluster: Cluster) -> Iterator[Finding]:
    if denied := _denied(cluster, NEEDED):
        yield warning(check, f"you may not: {', '.join(denied)} (in all namespaces)", "Ask for a Role that allows it.")
    else:
        yield ok(check, "you may declare workloads and read their logs, in all namespaces")


def _denied(
    cluster: Cluster, needed: Iterable[Right], *, user: str | None = None, where: Mapping[str, str] = EVERYWHERE
) -> list[str]:
    """Return which of these rights `user` lacks; default: the user of the kubeconfig."""
    kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
    denied = []
    for verb, group, resource, subresource in needed:
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, **where}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": kind,
            "spec": {"resourceAttributes": attributes} | ({"user": user} if user else {}),
        }
        answer = cluster.ask(f"/apis/authorization.k8s.io/v1/{kind.lower()}s", body=review)
        if not answer["status"]["allowed"]:
            denied.append(f"{verb} {resource}{'/' if subresource else ''}{subresource}")
    return denied


def _secrets(check: str, cluster: Cluster) -> Iterator[Finding]:
    missing, count = [], 0
    for workload in cluster.ask(WORKLOADS)["items"]:
        namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
        for secret, key in sorted(secrets_of(workload["spec"])):
            count += 1
            found = _find(cluster, f"/api/v1/namespaces/{namespace}/secrets/{secret}")
            if found is None:
                missing.append(f"{namespace}/{secret} of workload {name} does not exist")
            elif key not in found.get("data", {}):
                missing.append(f"{namespace}/{secret} of workload {name} has no key {key}")
    if missing:
        make = "kubectl -n NAMESPACE create secret generic NAME --from-literal=KEY=..."
        yield fault(check, "; ".join(missing), f"Create it: {make}")
    else:
        yield ok(check, f"all {count} Secrets of workloads exist" if count else "no workload uses a Secret")


def secrets_of(spec: Any) -> set[tuple[str, str]]:
    """Return name and key of every Secret that a workload's own fields refer to. Pure."""
    engine, redis = spec.get("engine", {}), spec.get("queue", {}).get("redis", {})
    references = (
        engine.get("openAI", {}).get("apiKeySecretRef"),
        redis.get("passwordSecretRef"),
        redis.get("caSecretRef"),
    )
    return {(reference["name"], reference["key"]) for reference in references if reference}


def _find(cluster: Cluster, path: str) -> Manifest | None:
    try:
        return cluster.ask(path)
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise


CHECKS: dict[str, Callable[[str, Cluster], Iterator[Finding]]] = {
    "crd": _crd,
    "keda": _keda,
    "keda metrics": _metrics,
    "operator": _operator,
    "operator rights": _operator_rights,
    "kubernetes rights": _rights,
    "secrets": _secrets,
}
