"""The engines in real pods: a model server beside the worker, an API with its key, Redis behind a password and TLS."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from greenscale_jobs import JobClient, JobState
from greenscale_testing.cluster_engines import RESTRICTED, beside_the_worker, put_service, put_sources, start_api
from greenscale_testing.kubernetes import Manifest, apply, await_condition, await_state, condition, kubectl

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

pytestmark = pytest.mark.timeout(300)


def test_a_model_server_beside_the_worker_is_waited_for_and_drained_with_it(
    workload: Make, client_of: Client, namespace: str
) -> None:
    """It gets ready some seconds after the worker has started; until then nothing is claimed."""
    put_sources(namespace)
    server, pod = beside_the_worker(memory="192Mi")
    command = " ".join(server["command"])
    late = {**server, "model": "echo", "command": ["sh", "-c", f"sleep 4; exec {command}"]}
    workload("server", engine={"type": "Server", "server": late}, worker={"podTemplate": pod})
    client = client_of("server")
    job = client.result(client.submit("hello server"))
    (name,) = kubectl("get", "pods", "-n", namespace, "-o", "name").split()
    log = kubectl("logs", name, "-c", "worker", "-n", namespace)

    assert (job.state, job.result, job.attempts) == (JobState.DONE, "hello server", 1)
    assert "engine_unavailable" not in log


def serve_api(namespace: str) -> str:
    """Run our OpenAI-compatible server as a pod, and return its address."""
    put_sources(namespace)
    address = put_service("api", namespace)
    start_api("api", namespace)
    return address


def test_an_api_is_asked_with_the_key_of_a_secret(workload: Make, client_of: Client, namespace: str) -> None:
    api = {"model": "echo", "baseURL": serve_api(namespace)}
    key = {"apiKeySecretRef": {"name": "openai", "key": "api-key"}}
    workload("api", engine={"type": "OpenAI", "openAI": {**api, **key}})
    missing = await_condition("api", namespace, "Ready", "SecretMissing")
    kubectl("create", "secret", "generic", "openai", "--from-literal=api-key=sk-1", "-n", namespace)
    await_condition("api", namespace, "Ready", "ScaledToZero")
    client = client_of("api")
    job = client.result(client.submit("hello api"))

    assert "create it with the key api-key" in missing["message"]
    assert (job.state, job.result) == (JobState.DONE, "hello api")


def test_an_api_that_refuses_every_job_degrades_the_workload_and_costs_no_attempt(
    workload: Make, client_of: Client, namespace: str
) -> None:
    address = serve_api(namespace)
    workload("refused", engine={"type": "OpenAI", "openAI": {"model": "401", "baseURL": address}})
    client = client_of("refused")
    job_id = client.submit("hello")
    ready = await_condition("refused", namespace, "Ready", "EngineRefuses")
    attempts = client.job(job_id).attempts
    workload("refused", engine={"type": "OpenAI", "openAI": {"model": "echo", "baseURL": address}})
    job = client.result(job_id)
    await_condition("refused", namespace, "Degraded", "AsExpected")

    assert "it refuses the API key" in ready["message"]
    assert attempts <= 1  # of the one that was asking just then
    assert (job.state, job.attempts) == (JobState.DONE, 1)


def test_an_image_that_cannot_be_pulled_is_reported_in_the_status(
    workload: Make, client_of: Client, namespace: str
) -> None:
    workload("broken", worker={"image": "no-such-image:1"})
    client_of("broken").submit("hello")
    await_state("broken", namespace, "Degraded", seconds=180)  # other pods may pull first
    ready = condition("broken", namespace, "Ready")

    assert ready["status"] == "False"
    assert ready["reason"] in {"ErrImagePull", "ImagePullBackOff"}
    assert "the image cannot be pulled" in ready["message"]


def test_a_redis_behind_a_password_and_tls_in_another_namespace(workload: Make, namespace: str, tmp_path: Path) -> None:
    host = f"secured.{namespace}.svc"
    certificate(tmp_path, host)
    kubectl("create", "secret", "generic", "secured", f"--from-file={tmp_path}",
            "--from-literal=password=sesame", "-n", namespace)  # fmt: skip
    spec = {
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "redis",
                "image": "redis:8-alpine",
                "command": ["redis-server", "--port", "0", "--tls-port", "6379", "--requirepass", "sesame",
                            "--tls-cert-file", "/tls/tls.crt", "--tls-key-file", "/tls/tls.key",
                            "--tls-ca-cert-file", "/tls/ca.crt", "--tls-auth-clients", "no", "--save", ""],
                "securityContext": {**RESTRICTED, "runAsUser": 999},
                "volumeMounts": [{"name": "tls", "mountPath": "/tls"}, {"name": "data", "mountPath": "/data"}],
                "workingDir": "/data",
                "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
            }
        ],
        "volumes": [{"name": "tls", "secret": {"secretName": "secured"}}, {"name": "data", "emptyDir": {}}],
    }  # fmt: skip
    metadata = {"name": "secured", "namespace": namespace, "labels": {"app": "secured"}}
    service = {"selector": {"app": "secured"}, "ports": [{"port": 6379}]}
    apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    )
    kubectl("wait", "--for=condition=Ready", "pod/secured", "-n", namespace, "--timeout=60s")
    workload(
        "secured-echo",
        queue={
            "redis": {
                "host": host,
                "tls": True,
                "passwordSecretRef": {"name": "secured", "key": "password"},
                "caSecretRef": {"name": "secured", "key": "ca.crt"},
            }
        },
    )
    await_condition("secured-echo", namespace, "Ready", "ScaledToZero")
    cli = ("redis-cli", "--tls", "--cacert", "/tls/ca.crt", "-a", "sesame", "--no-auth-warning")
    list_name = f"greenscale:{{{namespace}/secured-echo}}"
    kubectl("exec", "secured", "-n", namespace, "--", *cli, "LPUSH", list_name, "hello")
    await_state("secured-echo", namespace, "CoolingDown")
    done = kubectl("exec", "secured", "-n", namespace, "--", *cli, "HGET", f"{list_name}:stats", "done")

    assert done.strip() == "1"


def certificate(folder: Path, host: str) -> None:
    """Write ca.crt, tls.crt and tls.key for a host."""
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ca",
        "-addext", "keyUsage=critical,keyCertSign", "-keyout", f"{folder.parent}/ca.key", "-out", f"{folder}/ca.crt",
    )  # fmt: skip
    run(
        "openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}",
        "-keyout", f"{folder}/tls.key", "-out", f"{folder.parent}/tls.csr",
    )  # fmt: skip
    extensions = folder.parent / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{host}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
    run(
        "openssl", "x509", "-req", "-in", f"{folder.parent}/tls.csr", "-CA", f"{folder}/ca.crt",
        "-CAkey", f"{folder.parent}/ca.key", "-CAcreateserial", "-CAserial", f"{folder.parent}/serial", "-days", "2",
        "-extfile", str(extensions), "-out", f"{folder}/tls.crt",
    )  # fmt: skip


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
