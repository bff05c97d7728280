"""A real kube-apiserver with etcd, and no node: for what the API does with our objects. Up in a few seconds.

The programs are those of `tests/e2e/cluster/build`.
"""

import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import yaml

from greenscale_testing.kubernetes import Manifest, as_list
from greenscale_testing.ports import free_port

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "tests" / "e2e" / "cluster"

ADMIN_TOKEN = "admin-of-a-test"

START_SECONDS = 60

OPERATOR_USER = "system:serviceaccount:greenscale-system:greenscale-operator"


class ControlPlane:
    """One API server; every request of the operator is in its audit log."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self._folder = folder
        self._flags = flags
        self._port = free_port()
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.kubeconfig = self._write_kubeconfig("admin", ADMIN_TOKEN)

    @property
    def url(self) -> str:
        """Where the API is served."""
        return f"https://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        """Return it, started and with our kinds and rights."""
        try:
            self.start()
            self.install()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.stop()

    def start(self) -> None:
        """Start both programs, and wait until the API answers."""
        (self._folder / "tokens.csv").write_text(f"{ADMIN_TOKEN},admin,1,system:masters\n")
        (self._folder / "audit.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "audit.k8s.io/v1",
                    "kind": "Policy",
                    "omitStages": ["RequestReceived"],
                    "rules": [{"level": "Metadata", "users": [OPERATOR_USER]}, {"level": "None"}],
                }
            )
        )
        subprocess.run(
            ["openssl", "genrsa", "-out", self._folder / "sa.key", "2048"],  # noqa: S607
            check=True,
            capture_output=True,
        )
        peer = f"http://127.0.0.1:{self._peer_port}"
        client = f"http://127.0.0.1:{self._etcd_port}"
        self._start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        self.start_apiserver()

    def install(self) -> None:
        """Apply what an installation has, but no pods."""
        self.apply(yaml.safe_load((ROOT / "deploy" / "base" / "namespace.yaml").read_text()))
        self.kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "greenscaleworkloads.yaml"))
        self.grant()

    def grant(self) -> None:
        """Give the operator its rights, or give them back."""
        self.kubectl("apply", "-n", "greenscale-system", "-f", str(ROOT / "deploy" / "base" / "rbac.yaml"))

    def await_right(self, verb: str, kind: str, *, allowed: bool) -> None:
        """Wait until the API server has read that the operator may do this everywhere, or may not."""
        deadline = time.monotonic() + 20
        question = [
            "kubectl",
            f"--kubeconfig={self.kubeconfig}",
            "auth",
            "can-i",
            verb,
            kind,
            "-A",
            "--as",
            OPERATOR_USER,
        ]
        while (subprocess.run(question, capture_output=True, check=False).returncode == 0) is not allowed:
            assert time.monotonic() < deadline, f"the right to {verb} {kind} stays as it was"

    def start_apiserver(self) -> None:
        """Start the API server alone; its objects are etcd's."""
        key = self._folder / "sa.key"
        self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'certs'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            f"--audit-policy-file={self._folder / 'audit.yaml'}",
            f"--audit-log-path={self._folder / 'audit.log'}",
            *self._flags,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            assert time.monotonic() < deadline, (self._folder / "kube-apiserver.log").read_text()[-3000:]
            time.sleep(0.1)

    def stop_apiserver(self) -> None:
        """End the API server, as an upgrade would."""
        self._stop("kube-apiserver")

    def stop(self) -> None:
        """End everything."""
        for name in ("kube-apiserver", "etcd"):
            self._stop(name)

    def kubectl(self, *words: str, stdin: str | None = None, seconds: int = 180) -> str:
        """Run kubectl as the administrator; a failure is an AssertionError with what it said."""
        run = subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", *words],  # noqa: S607
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert run.returncode == 0, f"kubectl {' '.join(words)}: {run.stderr}"
        return run.stdout

    def apply(self, *manifests: Manifest) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", stdin=as_list(*manifests))

    def get(self, kind: str, name: str, namespace: str) -> Manifest:
        """Return an object."""
        found: Manifest = json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        return found

    def kubeconfig_of(self, service_account: str, namespace: str, *, server: str | None = None) -> Path:
        """Return a kubeconfig with nothing but a ServiceAccount's token; `server` is what stands before us."""
        token = self.kubectl("create", "token", service_account, "-n", namespace, "--duration=1h").strip()
        return self._write_kubeconfig(service_account, token, server)

    def compact(self) -> None:
        """Have etcd forget all history: who watches on from before gets 410 Expired."""
        reply = _ask_etcd(self._etcd_port, "range", {"key": "AA=="})
        _ask_etcd(self._etcd_port, "compaction", {"revision": reply["header"]["revision"]})

    def asked_by_operator(self) -> list[dict[str, Any]]:
        """Return its requests so far, as the audit log has them."""
        lines = (self._folder / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def _ready(self) -> bool:
        try:
            self.kubectl("get", "--raw", "/readyz")
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        return True

    def _start(self, name: str, *flags: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([_library(f"program {name}"), *flags], stdout=log, stderr=log)

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process:
            process.terminate()
            process.wait(60)

    def _write_kubeconfig(self, name: str, token: str, url: str | None = None) -> Path:
        path = self._folder / f"{name}{'-behind' if url else ''}.kubeconfig"
        server = {"server": url} if url else {"server": self.url, "insecure-skip-tls-verify": True}
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": server}],
                    "users": [{"name": "u", "user": {"token": token}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "c",
                }
            )
        )
        return path


def keda_crds() -> Path:
    """Return the folder of KEDA's CRDs: they lie in its module."""
    return Path(_library("keda_module")) / "config" / "crd" / "bases"


def _ask_etcd(port: int, what: str, body: dict[str, str]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/v3/kv/{what}"
    request = urllib.request.Request(url, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        answer: dict[str, Any] = json.load(reply)
    return answer


def _library(words: str) -> str:
    """Return what a function of the cluster's scripts prints."""
    found = subprocess.run(
        ["bash", "-c", f'. "$0/lib.sh" && {words}', CLUSTER],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"{found.stderr} (tests/e2e/cluster/build control-plane)"
    return found.stdout.strip()
