"""A workload becomes exactly these manifests. `tests/data/<case>/` holds both; `RENEW=1` writes what is made today."""

import os
from pathlib import Path

import pytest
import yaml

from greenscale_operator import schema, workload
from greenscale_operator.desired import Install, deployment, manifests, redis_host, scaled_object
from greenscale_operator.overlay import overlay
from greenscale_operator.workload import Engine, Queue, Redis, Workload

DATA = Path(__file__).parents[1] / "data"
CASES = sorted(folder.name for folder in DATA.iterdir())


def load(case: str) -> Workload:
    return workload.parse(schema.load(DATA / case / "workload.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_manifests(case: str) -> None:
    made = manifests(load(case))
    file = DATA / case / "manifests.yaml"
    if os.environ.get("RENEW"):
        file.write_text(yaml.safe_dump_all(made, sort_keys=False))

    assert made == list(yaml.safe_load_all(file.read_text()))


@pytest.mark.parametrize("case", CASES)
def test_replicas_are_never_written(case: str) -> None:
    """KEDA is their only writer; an applier that once owned them would reset them to 1."""
    assert "replicas" not in deployment(load(case), Install())["spec"]


def test_zero_is_said_by_silence() -> None:
    """KEDA refuses `idleReplicaCount: 0`, and a `fallback` would scale to zero while Redis is away."""
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


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}, id="keys merge"),
        pytest.param({"a": 1, "b": 2}, {"b": None}, {"a": 1}, id="None removes"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced"),
        pytest.param(
            [{"name": "x", "v": 1}, {"name": "y"}],
            [{"name": "z"}, {"name": "x", "w": 2}],
            [{"name": "x", "v": 1, "w": 2}, {"name": "y"}, {"name": "z"}],
            id="named lists merge by name",
        ),
    ],
)
def test_overlay(base: object, patch: object, expected: object) -> None:
    assert overlay(base, patch) == expected


def test_the_own_list_has_a_hash_tag() -> None:
    """All keys of a queue must lie in one slot of a Redis Cluster."""
    assert load("minimal").list_name == "greenscale:{default/mini}"
