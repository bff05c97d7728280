"""A resource that breaks each CEL rule of the CRD, one that just does not, and what the rule says.

Tried on the schema alone (`tests/operator`) and on a real kube-apiserver (`tests/e2e/api`).
"""

from typing import Any

import pytest

from greenscale_jobs import Keys, keys
from greenscale_operator import schema

Json = dict[str, Any]


def resource(name: str = "w", **spec: Any) -> Json:
    return schema.with_defaults(
        {
            "apiVersion": schema.API_VERSION,
            "kind": schema.KIND,
            "metadata": {"name": name},
            "spec": {"engine": {"type": "Echo"}, **spec},
        }
    )


def named(field: str, name: str) -> Json:
    """Return a resource with this label or annotation."""
    spec: Json = {field: {"team": "a", name: "x"}}
    return resource(**spec)


def taken_names() -> list[str]:
    """Return the list names that `Keys` rules out: they share a key with the list `jobs`, or are a key themselves."""
    jobs = Keys("jobs")
    ids = ["j", *(key.partition(":")[2] for key in jobs.types if key != "jobs")]
    taken = {*jobs.types, *(key for job_id in ids for key in jobs.types_of_job(job_id))}
    names = {":".join(key.split(":")[:length]) for key in taken for length in range(2, key.count(":") + 2)}
    shared = {name for name in names if taken & {*Keys(name).types, *Keys(name).types_of_job("j")}}
    installation = {
        value for value in vars(keys).values() if isinstance(value, str) and value.startswith("greenscale:")
    }
    return sorted(shared | installation)


SERVER = {"image": "i", "model": "m"}
NIGHT = {"start": "0 22 * * *", "end": "0 6 * * *", "timezone": "Europe/Berlin", "minReplicas": 1}

RESERVED = ("app.kubernetes.io/name", "greenscale.dev/x", "autoscaling.keda.sh/paused", "scaledobject.keda.sh/name")

RULES = [
    *(
        pytest.param(
            named(field, name),
            named(field, "example.com/greenscale.dev"),
            f"spec.{field} has a name that GreenScale, KEDA or Kubernetes uses",
            id=f"{field} with {name}",
        )
        for field in ("labels", "annotations")
        for name in RESERVED
    ),
    pytest.param(
        resource(labels={"pod-template-hash": "x"}),
        resource(labels={"pod-template": "x"}),
        "spec.labels has a name that GreenScale, KEDA or Kubernetes uses",
        id="the label of a ReplicaSet",
    ),
    pytest.param(
        resource(annotations={"deployment.kubernetes.io/revision": "1"}),
        resource(annotations={"kubectl.kubernetes.io/default-container": "worker"}),
        "spec.annotations has a name that GreenScale, KEDA or Kubernetes uses",
        id="the annotation of a rollout",
    ),
    pytest.param(resource("w" * 48), resource("w" * 47), "metadata.name has more than 47", id="the name's length"),
    pytest.param(
        resource(engine={"type": "Echo", "openAI": {}}),
        resource(engine={"type": "OpenAI", "openAI": {}}),
        "spec.engine.openAI is for type OpenAI only",
        id="openAI with another type",
    ),
    pytest.param(
        resource(engine={"type": "Server"}),
        resource(engine={"type": "Server", "server": SERVER}),
        "spec.engine.server is for type Server, and needed there",
        id="no server",
    ),
    pytest.param(
        resource(engine={"type": "Echo", "server": SERVER}),
        resource(engine={"type": "Echo"}),
        "spec.engine.server is for type Server, and needed there",
        id="server with another type",
    ),
    pytest.param(
        resource(engine={"type": "Server", "server": {**SERVER, "cache": {}}}),
        resource(engine={"type": "Server", "server": {**SERVER, "cache": {"emptyDir": {}}}}),
        "exactly one of persistentVolumeClaim and emptyDir",
        id="an empty cache",
    ),
    pytest.param(
        resource(
            engine={"type": "Server", "server": {**SERVER, "cache": {"persistentVolumeClaim": "c", "emptyDir": {}}}}
        ),
        resource(engine={"type": "Server", "server": {**SERVER, "cache": {"persistentVolumeClaim": "c"}}}),
        "exactly one of persistentVolumeClaim and emptyDir",
        id="two caches",
    ),
    pytest.param(
        resource(queue={"leaseSeconds": 60, "jobTimeoutSeconds": 59}),
        resource(queue={"leaseSeconds": 60, "jobTimeoutSeconds": 60}),
        "spec.queue.leaseSeconds is longer than jobTimeoutSeconds",
        id="a lease longer than a job",
    ),
    pytest.param(
        resource(queue={"redis": {"caSecretRef": {"name": "s", "key": "k"}}}),
        resource(queue={"redis": {"tls": True, "caSecretRef": {"name": "s", "key": "k"}}}),
        "spec.queue.redis.caSecretRef is set but tls is false",
        id="certificates without TLS",
    ),
    pytest.param(
        resource(queue={"backoff": {"initialSeconds": 301}}),
        resource(queue={"backoff": {"initialSeconds": 300}}),
        "spec.queue.backoff.initialSeconds is more than maxSeconds",
        id="a backoff that shrinks",
    ),
    pytest.param(
        resource(scaling={"minReplicas": 2}),
        resource(scaling={"minReplicas": 2, "maxReplicas": 2}),
        "spec.scaling.minReplicas is more than maxReplicas",
        id="more at least than at most",
    ),
    pytest.param(
        resource(scaling={"pollingInterval": 10, "cooldownPeriod": 19}),
        resource(scaling={"pollingInterval": 10, "cooldownPeriod": 20}),
        "spec.scaling.cooldownPeriod is less than twice pollingInterval",
        id="a cooldown that one poll ends",
    ),
    *(
        pytest.param(
            resource(scaling={**kept, "cooldownPeriod": 3601}),
            resource(scaling={**kept, "cooldownPeriod": 3600}),
            "spec.scaling.cooldownPeriod is more than 3600, which is the limit of the HPA",
            id=f"a cooldown that is too long for the HPA: {sorted(kept)}",
        )
        for kept in ({"minReplicas": 1}, {"maxReplicas": 2}, {"schedules": [NIGHT]})
    ),
    pytest.param(
        resource(scaling={"maxReplicas": 3, "scaleDownPolicy": "Gradual", "minReplicas": 1, "cooldownPeriod": 86400}),
        resource(scaling={"maxReplicas": 3, "scaleDownPolicy": "Gradual", "schedules": [], "cooldownPeriod": 86400}),
        "spec.scaling.cooldownPeriod is more than 3600, which is the limit of the HPA",
        id="a cooldown that KEDA alone keeps",
    ),
    pytest.param(
        resource(scaling={"schedules": [NIGHT, {**NIGHT, "minReplicas": 5}], "maxReplicas": 4}),
        resource(scaling={"schedules": [NIGHT, {**NIGHT, "minReplicas": 4}], "maxReplicas": 4}),
        "spec.scaling.schedules has a minReplicas that is more than maxReplicas",
        id="a schedule that keeps more than there may be",
    ),
    *(
        pytest.param(
            resource(queue={"listName": name}),
            resource(queue={"listName": "-".join(name.rsplit(":", 1))}),
            "spec.queue.listName looks like a key",
            id=f"a list whose keys are another's: {name}",
        )
        for name in taken_names()
    ),
]
