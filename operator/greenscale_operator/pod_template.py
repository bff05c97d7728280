"""The worker's pod: its container, its environment, and the model server beside it.

Pure. The variables are those that `greenscale_worker.settings` reads.
"""

import json
from typing import Any

from greenscale_operator.overlay import by_name, objects_in
from greenscale_operator.workload import Cache, Server, Workload

Manifest = dict[str, Any]

LIVENESS_PORT = 8080

CREDENTIALS = {
    "OPENAI_API_KEY": ("OPENAI_API_KEY",),
    "REDIS_PASSWORD": ("REDIS_PASSWORD", "REDIS_USERNAME", "REDIS_URL"),
    "REDIS_CA": ("REDIS_CA",),
}
"""What the worker logs in with, and the variables that it may come in."""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What Pod Security `restricted` asks of a container."""

WORKER_USER = 10001
"""The image's own user; not root."""

WORKER_RESOURCES = {"requests": {"memory": "128Mi"}, "limits": {"memory": "1Gi"}}
"""What our own worker gets where the resource gives nothing.

Measured (Python 3.11): 34 MiB idle with Echo, 67 MiB with OpenAI. Answers in hand take at most 256 MiB as bytes, twice
while they are stored, and more as text that is not ASCII. The request is said too: else it would be the limit.
"""


def pod_template(
    workload: Workload,
    *,
    labels: dict[str, str],
    image: str,
    redis_host: str,
    grace_seconds: int,
    termination_seconds: int,
) -> Manifest:
    """Return the Deployment's pod template; `worker.podTemplate` is not in it yet.

    It has no volume that is not needed, not even for /tmp: the kubelet checks only every 0.3 s whether volumes are
    mounted, and a pod with none starts that much sooner.
    """
    worker, server = workload.worker, workload.engine.server
    spec: Manifest = {
        "terminationGracePeriodSeconds": termination_seconds,
        # A Service called `greenscale` or `redis` would become variables that are no settings of ours.
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_worker_container(workload, image, redis_host, grace_seconds)],
    }
    if server:
        spec["initContainers"] = [_server_container(server)]
        # As process 1 a server that does not handle SIGTERM ignores it: it would hold its GPU for all of the grace.
        spec["shareProcessNamespace"] = True
    if server and server.cache:
        spec["volumes"] = [_cache_volume(server.cache)]
    handed_through = {
        "nodeSelector": worker.node_selector,
        "tolerations": list(worker.tolerations),
        "affinity": worker.affinity,
        "serviceAccountName": worker.service_account_name,
        "imagePullSecrets": by_name([], list(worker.image_pull_secrets)),
        "runtimeClassName": worker.runtime_class_name,
        "priorityClassName": worker.priority_class_name,
    }
    spec.update({field: value for field, value in handed_through.items() if value})
    if not worker.service_account_name:
        spec["automountServiceAccountToken"] = False  # the worker never speaks to Kubernetes
    metadata: Manifest = {"labels": labels}
    if workload.annotations:
        metadata["annotations"] = workload.annotations
    return {"metadata": metadata, "spec": spec}


def _worker_container(workload: Workload, image: str, redis_host: str, grace_seconds: int) -> Manifest:
    worker = workload.worker
    container: Manifest = {
        "name": "worker",
        "image": image,
        "env": by_name(_environment(workload, redis_host, grace_seconds), list(worker.env)),
        "ports": [{"name": "health", "containerPort": LIVENESS_PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": LIVENESS_PORT},  # not by name: a podTemplate may rename it
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        # Often, since the first probe comes before the worker listens; a Redis that restarts is no reason to flap.
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "health"},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "securityContext": {**RESTRICTED, "runAsUser": WORKER_USER},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    resources = worker.resources or _default_resources(workload)
    if resources:
        container["resources"] = resources
    if worker.env_from:
        container["envFrom"] = list(worker.env_from)
    return container


def _default_resources(workload: Workload) -> Manifest:
    """Return the resources of our own image; none for an image, and beside resources, of the user's."""
    pod, patches = _pod_patch(workload), _worker_patches(workload)
    own_image = workload.worker.image is None and not any("image" in patch for patch in patches)
    given = "resources" in pod or any("resources" in patch for patch in patches)
    return WORKER_RESOURCES if own_image and not given and workload.engine.type != "Server" else {}


def _worker_patches(workload: Workload) -> list[Manifest]:
    """Return what `worker.podTemplate` changes of the worker's container."""
    containers = objects_in(_pod_patch(workload).get("containers"))
    return [container for container in containers if container.get("name") == "worker"]


def _pod_patch(workload: Workload) -> Manifest:
    pod = workload.worker.pod_template.get("spec")
    return pod if isinstance(pod, dict) else {}  # a wrong shape is refused where it is laid over ours


def _environment(workload: Workload, redis_host: str, grace_seconds: int) -> list[Manifest]:
    queue, redis, asked = workload.queue, workload.queue.redis, workload.engine.parameters
    plain = {
        "REDIS_HOST": redis_host,
        "REDIS_PORT": redis.port,
        "REDIS_DB": redis.database,
        "REDIS_USERNAME": redis.username,
        "REDIS_TLS": "true" if redis.tls else None,
        "GREENSCALE_QUEUE": workload.list_name,
        "GREENSCALE_ENGINE": workload.engine.type,
        "GREENSCALE_MODEL": workload.engine.model,
        "GREENSCALE_CONCURRENCY": workload.concurrency,
        "GREENSCALE_JOB_TIMEOUT_SECONDS": queue.job_timeout_seconds,
        "GREENSCALE_LEASE_SECONDS": queue.lease_seconds,
        "GREENSCALE_MAX_ATTEMPTS": queue.max_attempts,
        "GREENSCALE_BACKOFF_INITIAL_SECONDS": queue.backoff.initial_seconds,
        "GREENSCALE_BACKOFF_MAX_SECONDS": queue.backoff.max_seconds,
        "GREENSCALE_RESULT_TTL_SECONDS": queue.result_ttl_seconds,
        "GREENSCALE_GRACE_SECONDS": grace_seconds,
        "GREENSCALE_LIVENESS_PORT": LIVENESS_PORT,
        "GREENSCALE_LOG_FORMAT": "json",
        "GREENSCALE_MAX_TOKENS": asked.max_tokens,
        "GREENSCALE_TEMPERATURE": asked.temperature,
        "GREENSCALE_SYSTEM": asked.system,
        "WORKER_SETTINGS": _newer_settings(workload),
        **_engine_environment(workload),
    }
    own_name = {"name": "GREENSCALE_WORKER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [
        *({"name": name, "value": str(value)} for name, value in plain.items() if value is not None),
        *_from_secrets(workload),
        own_name,
    ]


def _newer_settings(workload: Workload) -> str:
    """Return the settings that a worker image of another version may not know, as JSON.

    The worker refuses a variable GREENSCALE_... that it does not know, and every new setting would be one. What it does
    not know in here it passes over.
    """
    queue, read_again = workload.queue, _read_again(workload)
    return json.dumps(
        {
            "giveUpAfterSeconds": queue.give_up_after_seconds,
            "maxLosses": queue.max_losses,
            "maxAnswerBytes": queue.max_answer_bytes,
            **({"readAgainAtRestart": read_again} if read_again else {}),
        }
    )


def _read_again(workload: Workload) -> list[str]:
    """Return the credentials of which a restarted container may have other values: those that refer to an object.

    A worker whose credentials are refused ends then, so that its restart reads them again.
    """
    parts = [{"env": workload.worker.env, "envFrom": workload.worker.env_from}, *_worker_patches(workload)]
    entries = [*_from_secrets(workload), *(entry for part in parts for entry in objects_in(part.get("env")))]
    # Of two of a name the last one counts.
    refers = {entry["name"]: "valueFrom" in entry for entry in entries if isinstance(entry.get("name"), str)}
    all_of_an_object = any(part.get("envFrom") for part in parts)
    return [
        credential
        for credential, names in CREDENTIALS.items()
        if any(refers.get(name, all_of_an_object) for name in names)
    ]


def _from_secrets(workload: Workload) -> list[Manifest]:
    redis = workload.queue.redis
    secrets = {"REDIS_PASSWORD": redis.password_secret_ref, "REDIS_CA": redis.ca_secret_ref}
    if workload.engine.type == "OpenAI":
        secrets["OPENAI_API_KEY"] = workload.engine.open_ai.api_key_secret_ref
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in secrets.items()
        if secret
    ]


def _engine_environment(workload: Workload) -> dict[str, str | int | None]:
    server = workload.engine.server
    if server is None:
        return {"OPENAI_BASE_URL": workload.engine.open_ai.base_url} if workload.engine.type == "OpenAI" else {}
    here = f"http://127.0.0.1:{server.port}"
    return {
        "OPENAI_BASE_URL": f"{here}/v1",
        "GREENSCALE_SERVER_READY_URL": f"{here}{server.readiness_path}",
        "GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS": server.startup_timeout_seconds,
    }


def _server_container(server: Server) -> Manifest:
    """Return the model server as a native sidecar.

    No startup probe: it would hold the worker back, and at the end the kubelet stops sidecars after it, so the
    worker drains with its server still there.
    """
    container: Manifest = {
        "name": "server",
        "image": server.image,
        "restartPolicy": "Always",
        "ports": [{"name": "http", "containerPort": server.port, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"path": server.readiness_path, "port": "http"},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    given = {
        "command": list(server.command),
        "args": list(server.args),
        "env": by_name([], list(server.env)),
        "resources": server.resources,
    }
    container.update({field: value for field, value in given.items() if value})
    if server.cache:
        container["volumeMounts"] = [{"name": "cache", "mountPath": "/cache"}]
    return container


def _cache_volume(cache: Cache) -> Manifest:
    if cache.empty_dir:
        return {"name": "cache", "emptyDir": {"sizeLimit": cache.empty_dir.size}}
    return {"name": "cache", "persistentVolumeClaim": {"claimName": cache.persistent_volume_claim}}
