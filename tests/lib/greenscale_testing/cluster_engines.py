"""Model servers in the cluster: our small one as a pod behind a Service, or beside a worker."""

from pathlib import Path

from greenscale_jobs.version import __version__
from greenscale_testing.kubernetes import Manifest, apply, kubectl

SOURCES = ("openai_server", "pod_server")

WORKER_IMAGE = f"greenscale-worker:{__version__}"
"""It has aiohttp, which is all that our small server needs."""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}

COMMAND = ["python", "-m", "greenscale_testing.pod_server", "--port", "8000"]

ENVIRONMENT = [{"name": "PYTHONPATH", "value": "/source:/site-packages"}]
"""The worker image keeps its packages in the second."""

MOUNTS = [{"name": "source", "mountPath": "/source"}]

VOLUMES = [
    {
        "name": "source",
        "configMap": {
            "name": "model-server",
            "items": [{"key": f"{name}.py", "path": f"greenscale_testing/{name}.py"} for name in SOURCES],
        },
    }
]


def put_sources(namespace: str) -> None:
    """Keep the source of our server where a pod can mount it."""
    folder = Path(__file__).parent
    data = {f"{name}.py": (folder / f"{name}.py").read_text() for name in SOURCES}
    apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "model-server", "namespace": namespace},
            "data": data,
        }
    )


def put_service(name: str, namespace: str) -> str:
    """Make a Service that has no endpoints yet, and return the base URL of the API behind it."""
    metadata = {"name": name, "namespace": namespace}
    spec = {"selector": {"app": name}, "ports": [{"port": 8000}]}
    apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    return f"http://{name}.{namespace}.svc:8000/v1"


def start_api(name: str, namespace: str) -> None:
    """Run the server as the pod that this Service selects, and wait until it is ready."""
    container = {
        "name": "api",
        "image": WORKER_IMAGE,
        "command": COMMAND,
        "env": ENVIRONMENT,
        "securityContext": RESTRICTED,
        "volumeMounts": MOUNTS,
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1},
    }
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    spec: Manifest = {"automountServiceAccountToken": False, "containers": [container], "volumes": VOLUMES}
    apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")


def put_key(key: str, namespace: str) -> None:
    """Write the API's key into the Secret `openai`."""
    metadata = {"name": "openai", "namespace": namespace}
    apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"api-key": key}})


def beside_the_worker(*, memory: str) -> tuple[Manifest, Manifest]:
    """Return `engine.server` and `worker.podTemplate` of a workload whose model server ours is."""
    server = {
        "image": WORKER_IMAGE,
        "model": "moody",
        "command": COMMAND,
        "env": ENVIRONMENT,
        "readinessPath": "/health",
        "startupTimeoutSeconds": 120,
        "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": memory}},
    }
    pod = {"spec": {"volumes": VOLUMES, "initContainers": [{"name": "server", "volumeMounts": MOUNTS}]}}
    return server, pod
