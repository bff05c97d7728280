"""`greenscale doctor` on real servers, each with one fault."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml

from greenscale_cli.doctor.cluster_checks import LEASE_NEEDS, OPERATOR_NEEDS, secrets_of, version_of
from greenscale_cli.doctor.finding import Verdict
from greenscale_cli.doctor.queue_checks import clock, reports
from greenscale_cli.exits import Exit
from greenscale_jobs import JobQueue, WorkloadStatus
from greenscale_testing.board import publish
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

Greenscale = Callable[..., "subprocess.CompletedProcess[str]"]
Examine = Callable[..., dict[str, dict[str, str]]]

ROOT = Path(__file__).parents[2]

PRODUCER = re.search(
    r"ACL SETUSER greenscale-producer on >PASSWORD (.*?)\nACL", (ROOT / "docs/redis.md").read_text(), re.DOTALL
)
assert PRODUCER
RIGHTS = PRODUCER.group(1).replace("\\\n", "").split()


@pytest.fixture
def examine(greenscale: Greenscale) -> Examine:
    """Return what each check found, by its name."""

    def examine(status: int = 0, **environment: str) -> dict[str, dict[str, str]]:
        ran = greenscale("doctor", "-o", "json", **{"KUBECONFIG": "/none", **environment})
        assert (ran.returncode, ran.stderr) == (status, "")
        return {found["check"]: found for found in json.loads(ran.stdout)}

    return examine


def test_a_redis_as_it_should_be_has_no_fault(examine: Examine, own_redis: RedisServer) -> None:
    own_redis.options = ("--appendonly", "yes")
    own_redis.start()
    found = examine(REDIS_PORT=str(own_redis.address.port))

    assert {name for name, finding in found.items() if finding["verdict"] == "ok"} == {
        "versions",
        "redis",
        "redis role",
        "redis writes",
        "redis persistence",
        "redis memory",
        "clock",
        "rights",
    }
    assert found["workloads"]["verdict"] == "warning"
    assert found["cluster"]["found"] == "no kubeconfig found (/none); set KUBECONFIG if there is a cluster"
    assert own_redis.say("DBSIZE") == 0, "the checks leave nothing behind"


def test_an_absent_redis_is_a_fault_and_the_rest_is_unchecked(examine: Examine) -> None:
    port = free_port()
    found = examine(Exit.FAILED, REDIS_PORT=str(port))

    assert found["redis"]["verdict"] == "fault"
    assert found["redis"]["found"].startswith(f"Redis at 127.0.0.1:{port} does not answer")
    assert {found[name]["verdict"] for name in ("redis persistence", "clock", "rights", "workloads")} == {"not checked"}


def test_no_redis_at_all_is_a_fault(examine: Examine) -> None:
    found = examine(Exit.FAILED, REDIS_HOST="", REDIS_PORT="")

    assert found["redis"]["found"].startswith("no Redis is configured and no local instance runs here")


@pytest.mark.parametrize(
    ("settings", "check", "verdict", "text"),
    [
        ({"appendonly": "no"}, "redis persistence", "warning", "set appendonly to yes"),
        (
            {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"},
            "redis memory",
            "warning",
            "set maxmemory-policy to noeviction",
        ),
        ({"maxmemory": "1"}, "redis memory", "fault", "is full"),
    ],
)
def test_each_fault_of_redis_is_named(
    examine: Examine, own_redis: RedisServer, settings: dict[str, str], check: str, verdict: str, text: str
) -> None:
    own_redis.start()
    for name, value in settings.items():
        own_redis.say("CONFIG", "SET", name, value)
    found = examine(Exit.FAILED if verdict == "fault" else 0, REDIS_PORT=str(own_redis.address.port))

    assert (found[check]["verdict"], text in found[check]["found"]) == (verdict, True)


def test_a_disk_that_takes_no_more_is_a_fault(examine: Examine, own_redis: RedisServer, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    own_redis.options = ("--dir", str(gone))
    own_redis.start()
    own_redis.say("CONFIG", "SET", "save", "3600 1")
    gone.rmdir()
    own_redis.say("BGSAVE")
    while own_redis.info("persistence")["rdb_last_bgsave_status"] != "err":
        time.sleep(0.01)
    try:
        found = examine(Exit.FAILED, REDIS_PORT=str(own_redis.address.port))
    finally:
        own_redis.stop(kill=True)  # it would not end before it has saved

    assert found["redis writes"]["verdict"] == "fault"
    assert "cannot write its data to disk" in found["redis writes"]["found"]
    assert found["rights"]["verdict"] == "ok"


def test_replicas_that_are_missing_are_a_fault(examine: Examine, own_redis: RedisServer) -> None:
    own_redis.start()
    own_redis.say("CONFIG", "SET", "min-replicas-to-write", "1")
    found = examine(Exit.FAILED, REDIS_PORT=str(own_redis.address.port))["redis writes"]

    assert (found["verdict"], "min-replicas-to-write" in found["found"]) == ("fault", True)


@pytest.mark.parametrize("read_only", ["yes", "no"])
def test_a_replica_is_a_fault(examine: Examine, own_redis: RedisServer, read_only: str) -> None:
    """Writes to a replica are lost at the next synchronization."""
    own_redis.start()
    own_redis.say("CONFIG", "SET", "replica-read-only", read_only)
    own_redis.say("REPLICAOF", "127.0.0.1", "1")
    found = examine(Exit.FAILED, REDIS_PORT=str(own_redis.address.port))["redis role"]

    assert found["verdict"] == "fault"
    assert found["found"].endswith("is a replica of 127.0.0.1:1, and is disconnected from it")


def test_the_minimum_rights_of_a_producer_are_enough(examine: Examine, own_redis: RedisServer) -> None:
    own_redis.start()
    own_redis.say("ACL", "SETUSER", "producer", "on", ">secret", *RIGHTS)
    where = {"REDIS_PORT": str(own_redis.address.port), "REDIS_USERNAME": "producer", "REDIS_PASSWORD": "secret"}

    assert examine(**where)["rights"]["verdict"] == "ok"


@pytest.mark.parametrize("right", [right for right in RIGHTS if right.startswith("+")])
def test_a_right_that_is_missing_is_found(examine: Examine, own_redis: RedisServer, right: str) -> None:
    own_redis.start()
    less = [one for one in RIGHTS if one != right]
    own_redis.say("ACL", "SETUSER", "producer", "on", ">secret", *less)
    where = {"REDIS_PORT": str(own_redis.address.port), "REDIS_USERNAME": "producer", "REDIS_PASSWORD": "secret"}
    found = examine(Exit.FAILED, **where)

    faults = [finding["found"] for finding in found.values() if finding["verdict"] == "fault"]
    assert faults
    assert "secret" not in str(found)


async def test_a_workload_that_nobody_reports_is_a_fault(
    examine: Examine, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, msgspec.structs.replace(workload, sampled_at=time.time() - 300))
    found = examine(Exit.FAILED)["workload default/assistant"]

    assert (found["verdict"], found["found"][:26]) == ("fault", "no report for 5 min: the o")
    assert "get deployment greenscale-operator" in found["remedy"]


async def test_a_workload_that_needs_somebody_is_a_fault(
    greenscale: Greenscale, queue: JobQueue, workload: WorkloadStatus
) -> None:
    await publish(queue, msgspec.structs.replace(workload, state="Degraded", message="the \x1b[2J key is wrong"))
    ran = greenscale("doctor", KUBECONFIG="/none")

    assert ran.returncode == Exit.FAILED
    assert "Degraded: the �[2J key is wrong" in ran.stdout


def test_a_workload_reported_just_now_is_ok(workload: WorkloadStatus) -> None:
    (found,) = reports([workload], now=workload.sampled_at + 3)

    assert (found.verdict, found.found) == (Verdict.OK, "ScaledToZero, reported 3.0 s ago")


@pytest.mark.parametrize(
    ("skew", "verdict", "text"),
    [
        (1.9, Verdict.OK, "1.9 s from Redis'"),
        (-2.1, Verdict.WARNING, "2.1 s behind Redis'"),
        (7200, Verdict.WARNING, "2 h ahead of Redis'"),
    ],
)
def test_a_clock_that_is_off_is_reported(skew: float, verdict: Verdict, text: str) -> None:
    found = clock(skew)

    assert (found.verdict, text in found.found) == (verdict, True)


def test_a_kubeconfig_that_leads_nowhere_is_a_fault(examine: Examine, own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.start()
    cluster = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{free_port()}"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "u", "user": {"token": "not-shown"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    found = examine(Exit.FAILED, REDIS_PORT=str(own_redis.address.port), KUBECONFIG=str(tmp_path / "config"))

    assert "the API server does not answer" in found["cluster"]["found"]
    assert "not-shown" not in str(found)


def test_a_kubeconfig_that_is_invalid_is_reported(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("- nonsense")
    found = examine(KUBECONFIG=str(tmp_path / "config"))["cluster"]

    assert (found["verdict"], found["found"][:30]) == ("not checked", "the kubeconfig cannot be used ")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("greenscale-operator:0.1.0", "0.1.0"),
        ("localhost:5000/greenscale-operator:0.1.0", "0.1.0"),
        ("greenscale-operator:0.1.0@sha256:0a1b", "0.1.0"),
        ("localhost:5000/greenscale-operator@sha256:0a1b", None),
        ("localhost:5000/greenscale-operator", None),
    ],
)
def test_a_deployments_version_is_its_images_tag(image: str, expected: str | None) -> None:
    assert version_of({"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}) == expected


def test_the_operators_rights_that_are_checked_are_those_of_its_roles() -> None:
    """Else the doctor calls an operator well that cannot work, or sick because it may not what it never does."""
    roles = {
        role["kind"]: {
            (verb, group, *resource.partition("/")[::2])
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for role in yaml.safe_load_all((ROOT / "deploy/base/rbac.yaml").read_text())
        if "rules" in role
    }

    assert roles == {"ClusterRole": set(OPERATOR_NEEDS), "Role": set(LEASE_NEEDS)}


def test_the_secrets_of_a_workload_are_all_that_its_fields_name() -> None:
    def reference(name: str) -> dict[str, str]:
        return {"name": name, "key": "k"}

    redis = {"passwordSecretRef": reference("password"), "caSecretRef": reference("ca")}
    spec = {"engine": {"openAI": {"apiKeySecretRef": reference("key")}}, "queue": {"redis": redis}}

    assert secrets_of(spec) == {("password", "k"), ("ca", "k"), ("key", "k")}
    assert secrets_of({"engine": {"type": "Echo"}}) == set()
