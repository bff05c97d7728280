"""What may go wrong around the operator: none of it may wake a worker needlessly, or leave a status that lies."""

import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable

from greenscale_testing.control_plane import ControlPlane, keda_crds
from greenscale_testing.kubernetes import Manifest
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port

Make = Callable[..., Manifest]
Await = Callable[..., Manifest]
Start = Callable[..., "subprocess.Popen[bytes]"]


def status(plane: ControlPlane, namespace: str, name: str = "w") -> Manifest:
    found: Manifest = plane.get("gsw", name, namespace)["status"]
    return found


def test_a_missing_secret_is_reported_and_its_arrival_noticed(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    start_operator()
    key = {"name": "openai", "key": "api-key"}
    workload(engine={"type": "OpenAI", "openAI": {"apiKeySecretRef": key}})
    missing = await_reason("Ready", "SecretMissing")
    control_plane.kubectl("create", "secret", "generic", "openai", "--from-literal=other=x", "-n", namespace)
    halfway = await_reason("Ready", "SecretMissing")
    control_plane.kubectl(
        "patch", "secret", "openai", "-n", namespace, "-p", '{"stringData": {"api-key": "sk-very-secret"}}'
    )
    await_reason("Ready", "WaitingForKeda")

    assert "The Secret openai does not exist" in missing["message"]
    assert halfway["status"] == "False"
    assert "sk-very-secret" not in control_plane.kubectl("get", "gsw,deploy,events", "-n", namespace, "-o", "yaml")


def test_redis_absent_at_creation_then_there_then_gone(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    """KEDA gives up for up to sixteen minutes on a Redis that is away when its ScaledObject is made."""
    start_operator()
    workload(queue={"redis": {"host": "127.0.0.1", "port": own_redis.address.port}})
    condition = await_reason("QueueReachable", "RedisUnavailable")
    made = control_plane.kubectl("get", "scaledobject", "-n", namespace, "-o", "name")
    own_redis.start()
    await_reason("Ready", "WaitingForKeda")
    own_redis.stop(kill=True)
    await_reason("Ready", "RedisUnavailable")
    state = status(control_plane, namespace)["state"]
    own_redis.start()
    await_reason("Ready", "WaitingForKeda")

    assert "does not answer" in condition["message"]
    assert made == ""
    assert state == "Degraded"


def test_a_redis_that_wants_a_password(
    control_plane: ControlPlane,
    start_operator: Start,
    workload: Make,
    await_reason: Await,
    namespace: str,
    own_redis: RedisServer,
) -> None:
    own_redis.options = ("--requirepass", "sesame")
    own_redis.start()
    start_operator()
    redis = {"host": "127.0.0.1", "port": own_redis.address.port}
    workload(queue={"redis": redis})
    condition = await_reason("QueueReachable", "RedisUnavailable")
    workload(queue={"redis": {**redis, "passwordSecretRef": {"name": "redis", "key": "password"}}})
    missing = await_reason("QueueReachable", "SecretMissing")
    control_plane.kubectl("create", "secret", "generic", "redis", "--from-literal=password=sesame", "-n", namespace)
    await_reason("Ready", "WaitingForKeda")
    authentication = control_plane.get("triggerauthentication", "w-redis", namespace)
    workload(queue={"redis": {**redis, "passwordSecretRef": None}})
    control_plane.kubectl("wait", "--for=delete", "triggerauthentication/w-redis", "-n", namespace, "--timeout=30s")

    assert "asks for a password" in condition["message"]
    assert "The Secret redis does not exist" in missing["message"]
    assert authentication["spec"]["secretTargetRef"] == [{"parameter": "password", "name": "redis", "key": "password"}]
    assert "sesame" not in control_plane.kubectl("get", "gsw,deploy,so,events", "-n", namespace, "-o", "yaml")


def test_an_admission_rule_that_refuses_the_deployment_is_quoted(
    control_plane: ControlPlane, start_operator: Start, workload: Make, await_reason: Await, namespace: str
) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": f"deny-{namespace}"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["deployments"],
                    }
                ],
            },
            "validations": [{"expression": "false", "message": "every Deployment needs a cost centre"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": f"deny-{namespace}"},
        "spec": {"policyName": f"deny-{namespace}", "validationActions": ["Deny"]},
    }
    control_plane.apply(policy, binding)
    _await_refusal(control_plane, namespace)
    start_operator()
    workload()
    condition = await_reason("Ready", "Rejected")

    assert "every Deployment needs a cost centre" in condition["message"]


def _await_refusal(plane: ControlPlane, namespace: str) -> None:
    """Wait until the API server enforces the policy: it takes notice of it in its own time."""
    for _ in range(200):
        try:
            plane.kubectl("create", "deployment", "probe", "--image=x", "--dry-run=server", "-n", namespace)
        except AssertionError:
            return
    raise AssertionError("the policy is not enforced")


def test_two_operators_are_one_that_works_and_one_that_stands_by(
    start_operator: Start, workload: Make, await_reason: Await
) -> None:
    ports = [free_port(), free_port()]
    first = start_operator(GREENSCALE_HEALTH_PORT=str(ports[0]))
    _await_role(ports[0], "leading")
    start_operator(GREENSCALE_HEALTH_PORT=str(ports[1]))
    _await_role(ports[1], "standing by")
    first.terminate()
    _await_role(ports[1], "leading")
    workload()
    await_reason("Ready", "WaitingForKeda")


def test_a_killed_operator_is_followed_when_its_lease_is_over(
    start_operator: Start, workload: Make, await_reason: Await
) -> None:
    ports = [free_port(), free_port()]
    first = start_operator(GREENSCALE_HEALTH_PORT=str(ports[0]))
    _await_role(ports[0], "leading")
    start_operator(GREENSCALE_HEALTH_PORT=str(ports[1]))
    first.send_signal(signal.SIGKILL)
    _await_role(ports[1], "leading")
    workload()
    await_reason("Ready", "WaitingForKeda")


def _await_role(port: int, role: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
                if reply.read().decode().strip() == role:
                    return
        except urllib.error.URLError:
            pass
        subprocess.run(["sleep", "0.1"], check=True)  # noqa: S607 - it tells only who asks
    raise AssertionError(f"no operator on port {port} is {role}")


def manifest(port: int, name: str = "w") -> Manifest:
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"engine": {"type": "Echo"}, "queue": {"redis": {"host": "127.0.0.1", "port": port}}},
    }


def await_ready(plane: ControlPlane, reason: str, name: str = "w", *, seconds: int = 40) -> str:
    path = '{.status.conditions[?(@.type=="Ready")]'
    plane.kubectl("wait", f"--for=jsonpath={path}.reason}}={reason}", f"gsw/{name}", f"--timeout={seconds}s")
    return plane.kubectl("get", f"gsw/{name}", "-o", f"jsonpath={path}.message}}")


def test_keda_installed_later_is_noticed(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    own_redis.start()
    start_operator(own_plane)
    own_plane.apply(manifest(own_redis.address.port))
    message = await_ready(own_plane, "KedaNotInstalled")
    replicas = own_plane.get("deployment", "w", "default")["spec"]["replicas"]
    own_plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
    await_ready(own_plane, "WaitingForKeda", seconds=90)

    assert "KEDA" in message
    assert replicas == 0


def test_a_right_that_is_missing_is_named_and_its_grant_noticed(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    own_redis.start()
    own_plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
    own_plane.kubectl(
        "patch", "clusterrole", "greenscale-operator", "--type=json",
        "-p", '[{"op": "replace", "path": "/rules/2/verbs", "value": ["list", "watch"]}]',
    )  # fmt: skip
    start_operator(own_plane)
    own_plane.apply(manifest(own_redis.address.port))
    message = await_ready(own_plane, "Forbidden")
    own_plane.grant()
    await_ready(own_plane, "WaitingForKeda", seconds=90)

    assert "deployments.apps" in message
    assert "Grant it to the operator's ServiceAccount" in message


def test_a_restart_of_the_api_server_is_got_over(
    own_plane: ControlPlane, start_operator: Start, own_redis: RedisServer
) -> None:
    """An operator that cannot renew its Lease must end: another may work by now. The kubelet starts it again."""
    own_redis.start()
    own_plane.kubectl("apply", "--server-side", "-f", str(keda_crds()))
    operator = start_operator(own_plane)
    own_plane.apply(manifest(own_redis.address.port))
    await_ready(own_plane, "WaitingForKeda")
    own_plane.stop_apiserver()
    own_plane.start_apiserver()
    if operator.poll() is not None:
        start_operator(own_plane)
    own_plane.apply(manifest(own_redis.address.port, "later"))
    await_ready(own_plane, "WaitingForKeda", "later", seconds=90)
