"""Says at the top of a run which cluster it is about."""

import json
import os

from greenscale_testing.kubernetes import KubectlFailed, kubectl


def pytest_report_header() -> str:
    """Name the cluster of KUBECONFIG, which need not be ours."""
    if not os.environ.get("KUBECONFIG"):
        return "cluster: none (KUBECONFIG is not set); tests/e2e/api brings an API server of its own"
    try:
        server = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
        image = kubectl("get", "deploy", "keda-operator", "-n", "keda", "-o", "jsonpath={.metadata.labels}")
        url = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    except KubectlFailed as error:
        return f"cluster: the one of KUBECONFIG does not answer: {error}"
    keda = json.loads(image).get("app.kubernetes.io/version", "of unknown version")
    return f"cluster: {url} (of KUBECONFIG), Kubernetes {server}, KEDA {keda}"
