"""A workload becomes exactly these manifests. `tests/data/<case>/` holds both; `RENEW=1` writes what is made today."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenscale_operator import schema, workload
from greenscale_operator.manifest import deployment, manifests
from greenscale_operator.objects import Install, redis_host
from greenscale_operator.scalers.keda import Keda
from greenscale_operator.scalers.keda.scaled_object import scaled_object
from greenscale_operator.workload import Engine, OpenAI, Queue, Redis, SecretRef, Server, Worker, Workload

DATA = Path(__file__).parents[1] / "data"
CASES = sorted(folder.name for folder in DATA.iterdir())

KNOWN_SINCE_537F3CA = {
    f"GREENSCALE_{name}"
    for name in (
        *("BACKOFF_INITIAL_SECONDS", "BACKOFF_MAX_SECONDS", "CONCURRENCY", "ENGINE", "GRACE_SECONDS"),
        *("JOB_TIMEOUT_SECONDS", "LEASE_SECONDS", "LIVENESS_PORT", "LOG_FORMAT", "MAX_ATTEMPTS", "MAX_TOKENS", "MODEL"),
        *("QUEUE", "RESULT_TTL_SECONDS", "SERVER_READY_URL", "SERVER_STARTUP_TIMEOUT_SECONDS", "SYSTEM"),
        *("TEMPERATURE", "WORKER"),
    )
}
"""The variables of every worker image so far: none may be added."""


def load(case: str) -> Workload:
    return workload.parse(schema.load(DATA / case / "workload.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_manifests(case: str) -> None:
    made = manifests(load(case), Keda())
    file = DATA / case / "manifests.yaml"
    if os.environ.get("RENEW"):
        file.write_text(yaml.safe_dump_all(made, sort_keys=False))

    assert made == list(yaml.safe_load_all(file.read_text()))


@pytest.mark.parametrize("case", CASES)
def test_replicas_are_never_written(case: str) -> None:
    """KEDA is their only writer; an applier that once owned them would reset them to 1."""
    assert "replicas" not in deployment(load(case), Install())["spec"]


def test_new_settings_reach_a_worker_of_another_version_in_one_variable() -> None:
    """It refuses every variable GREENSCALE_... that it does not know, and would never start."""
    queue = Queue(give_up_after_seconds=60, max_losses=1, max_answer_bytes=1024)
    asked = Workload(name="w", namespace="team", engine=Engine(), queue=queue)
    (container,) = deployment(asked, Install())["spec"]["template"]["spec"]["containers"]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}

    assert json.loads(variables["WORKER_SETTINGS"]) == {
        "giveUpAfterSeconds": 60,
        "maxLosses": 1,
        "maxAnswerBytes": 1024,
    }
    assert {name for name in variables if name.startswith("GREENSCALE_")} <= KNOWN_SINCE_537F3CA


def container_patch(**patch: Any) -> Worker:
    return Worker(pod_template={"spec": {"containers": [{"name": "worker", **patch}]}})


KEY = SecretRef("openai", "api-key")
KEYED = Engine("OpenAI", open_ai=OpenAI(api_key_secret_ref=KEY))
FROM = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
ALL = [{"secretRef": {"name": "all"}}]
EVERY = ["OPENAI_API_KEY", "REDIS_PASSWORD", "REDIS_CA"]


@pytest.mark.parametrize(
    ("engine", "redis", "worker", "expected"),
    [
        pytest.param(Engine("OpenAI"), Redis(), Worker(), [], id="no credentials"),
        pytest.param(KEYED, Redis(), Worker(), ["OPENAI_API_KEY"], id="a key"),
        pytest.param(
            Engine("Echo"),
            Redis(password_secret_ref=KEY, ca_secret_ref=KEY),
            Worker(),
            ["REDIS_PASSWORD", "REDIS_CA"],
            id="a password and a certificate",
        ),
        pytest.param(Engine("OpenAI"), Redis(), Worker(env_from=tuple(ALL)), EVERY, id="all of a Secret"),
        pytest.param(Engine("OpenAI"), Redis(), container_patch(envFrom=ALL), EVERY, id="the same by podTemplate"),
        pytest.param(
            Engine("OpenAI"), Redis(), Worker(env=({"name": "REDIS_URL", **FROM},)), ["REDIS_PASSWORD"], id="a URL"
        ),
        pytest.param(
            Engine("OpenAI"),
            Redis(),
            container_patch(env=[{"name": "OPENAI_API_KEY", **FROM}]),
            ["OPENAI_API_KEY"],
            id="a key by podTemplate",
        ),
        pytest.param(
            KEYED, Redis(), Worker(env=({"name": "OPENAI_API_KEY", "value": "sk-1"},)), [], id="written over by hand"
        ),
        pytest.param(
            KEYED, Redis(), Worker(env=({"name": "A", "value": "1"},)), ["OPENAI_API_KEY"], id="another variable"
        ),
    ],
)
def test_a_worker_knows_what_its_restart_would_read_again(
    engine: Engine, redis: Redis, worker: Worker, expected: list[str]
) -> None:
    """It ends where one of them is refused; of any other its restart would bring the same value."""
    asked = Workload(name="w", namespace="team", engine=engine, worker=worker, queue=Queue(redis=redis))
    first, *_ = deployment(asked, Install())["spec"]["template"]["spec"]["containers"]
    settings = next(entry["value"] for entry in first["env"] if entry["name"] == "WORKER_SETTINGS")

    assert json.loads(settings).get("readAgainAtRestart", []) == expected


OURS = {"requests": {"memory": "128Mi"}, "limits": {"memory": "1Gi"}}
REDIS_ERRORS = {"limits": {"memory": "2Gi"}}


@pytest.mark.parametrize(
    ("engine", "worker", "expected"),
    [
        pytest.param(Engine("OpenAI"), Worker(), OURS, id="OpenAI"),
        pytest.param(Engine("Echo"), Worker(), OURS, id="Echo"),
        pytest.param(Engine("Server", server=Server("i", "m")), Worker(), None, id="Server"),
        pytest.param(Engine("Echo"), Worker(image="mine:1"), None, id="an image of the user's"),
        pytest.param(Engine("Echo"), Worker(resources=REDIS_ERRORS), REDIS_ERRORS, id="resources of the user's"),
        pytest.param(Engine("Echo"), container_patch(image="mine:1"), None, id="an image by podTemplate"),
        pytest.param(
            Engine("Echo"), container_patch(resources=REDIS_ERRORS), REDIS_ERRORS, id="resources by podTemplate"
        ),
        pytest.param(Engine("Echo"), container_patch(resources=None), None, id="none, by podTemplate"),
        pytest.param(Engine("Echo"), container_patch(tty=True), OURS, id="another patch of the container"),
        pytest.param(
            Engine("Echo"),
            Worker(pod_template={"spec": {"containers": [{"name": "proxy", "image": "p", "resources": REDIS_ERRORS}]}}),
            OURS,
            id="another container's",
        ),
        pytest.param(
            Engine("Echo"), Worker(pod_template={"spec": {"resources": REDIS_ERRORS}}), None, id="resources of the pod"
        ),
    ],
)
def test_memory_is_limited_by_default_for_our_own_image_alone(
    engine: Engine, worker: Worker, expected: dict[str, Any] | None
) -> None:
    """An answer without end must not take the node's memory; and a limit beside a user's request may contradict it."""
    asked = Workload(name="w", namespace="team", engine=engine, worker=worker)
    first, *_ = deployment(asked, Install())["spec"]["template"]["spec"]["containers"]

    assert first.get("resources") == expected


def test_zero_is_said_by_silence() -> None:
    """KEDA refuses `idleReplicaCount: 0`, and a `fallback` would scale to zero while Redis is unavailable."""
    spec = scaled_object(load("minimal"), Install())["spec"]

    assert not {"minReplicaCount", "idleReplicaCount", "fallback"} & set(spec)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(None, "redis-service.greenscale-system.svc", id="the install's"),
        pytest.param("redis", "redis.greenscale-system.svc", id="a bare Service"),
        pytest.param("redis.team-a", "redis.team-a", id="qualified already"),
        pytest.param("10.1.2.3", "10.1.2.3", id="an address"),
        pytest.param("fd00::1", "fd00::1", id="an IPv6 address"),
        pytest.param("localhost", "localhost", id="localhost"),
    ],
)
def test_every_namespace_resolves_redis(host: str | None, expected: str) -> None:
    asked = Workload(name="w", namespace="team-b", engine=Engine(), queue=Queue(redis=Redis(host=host)))

    assert redis_host(asked, Install()) == expected


def test_the_own_list_has_a_hash_tag() -> None:
    """All keys of a queue must lie in one slot of a Redis Cluster."""
    assert load("minimal").list_name == "greenscale:{default/mini}"
