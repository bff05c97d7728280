"""On a real cluster: kubectl and redis-cli with a worker, a Deployment and a ScaledObject of one's own, and GreenScale.

Both wake at the same pollingInterval; GreenScale's other tasks are those of `greenscale`, whatever its Redis stands on.
"""

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.compare import model
from bench.compare.stage import DEAD, GOOD, MANY, Ways, folder, until
from bench.compare.steps import Steps, end, shell
from greenscale_operator.objects import Install
from greenscale_testing.kubernetes import INSTALLATION, Manifest, apply, kubectl, names
from greenscale_testing.ports import free_port

POLLING, COOLDOWN = 2, 10

CLI = f"kubectl -n {INSTALLATION} exec deploy/redis -- redis-cli"

SEND = f"kubectl -n {INSTALLATION} exec -i deploy/redis -- xargs -d '\\n' redis-cli LPUSH prompts"

ALL_AGAIN = """EVAL "while redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') do end" 2 prompts:failed prompts"""

KEYS = "redis.call('KEYS', pattern)"

FORGET = (
    f'EVAL "for _, pattern in ipairs(ARGV) do for _, key in ipairs({KEYS}) do '
    """redis.call('DEL', key) end end" 0 'prompts*' 'answers:*'"""
)

HAND, OURS = "by-hand", "ours"


class Cluster:
    """A namespace with both, asleep, and the cluster's own Redis."""

    url = None
    """No page is looked at there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = f"bench-{uuid.uuid4().hex[:6]}"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"HOME": str(folder), "PATH": path, "KUBECONFIG": os.environ["KUBECONFIG"]}
        (folder / "prompts.jsonl").write_text(jobs("many", MANY))
        self._forget()

    def _forget(self) -> None:
        self.redis(FORGET)

    def bring(self) -> None:
        """Apply both."""
        kubectl("create", "namespace", self.namespace)
        apply(*_by_hand(self.namespace), _workload(self.namespace))
        for name in (f"so/{HAND}", f"gsw/{OURS}"):
            kubectl("wait", "--for=condition=Ready", name, "-n", self.namespace, "--timeout=60s")

    def end(self) -> None:
        """Leave nothing: a pod that is still there would take the next round's prompts."""
        kubectl("delete", "namespace", self.namespace)
        self._forget()

    def rest(self) -> None:
        """Wait until nothing runs, and then for any moment of KEDA's interval."""
        until(lambda: names("pods", self.namespace) == [])
        time.sleep(random.uniform(0, POLLING))  # noqa: S311 - falling asleep is KEDA's beat

    def redis(self, words: str) -> str:
        """Say something with redis-cli, which nobody counts."""
        return shell(f"{CLI} {words}", self.folder, self.environment).strip()

    def send(self, word: str, count: int) -> None:
        """Send prompts, which nobody counts."""
        (self.folder / "some.jsonl").write_text(jobs(word, count))
        shell(f"{SEND} < some.jsonl", self.folder, self.environment)

    def answered(self, word: str) -> int:
        """Return how many prompts of a word were answered."""
        return int(self.redis(f"EVAL \"return #redis.call('KEYS', ARGV[1])\" 0 'answers:{word}-*'"))

    def fail(self, count: int) -> None:
        """Have so many failed jobs and no other, after some that went well; the worker's pod still stands."""
        self._forget()
        self.send("good", GOOD)
        until(lambda: self.answered("good") == GOOD)
        self.redis("SET prompts:model-down yes")
        self.send("bad", count)
        until(lambda: int(self.redis("LLEN prompts:failed")) == count)
        self.redis("DEL prompts:model-down")


def jobs(word: str, count: int) -> str:
    """Return so many jobs as the worker by hand reads them."""
    return "".join(f'{{"id": "{word}-{number}", "prompt": "{word}-{number}"}}\n' for number in range(count))


def _by_hand(namespace: str) -> list[Manifest]:
    labels = {"app": HAND}
    container = {
        "name": "worker",
        "image": Install().worker_image,
        "command": ["python", "-c", (Path(__file__).parent / "by_hand_worker.py").read_text()],
        "env": [{"name": "REDIS_HOST", "value": f"redis-service.{INSTALLATION}.svc"}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    trigger = {"address": f"redis-service.{INSTALLATION}.svc:6379", "listName": "prompts", "listLength": "1"}
    metadata = {"name": HAND, "namespace": namespace}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"name": HAND},
                "pollingInterval": POLLING,
                "cooldownPeriod": COOLDOWN,
                "maxReplicaCount": 1,
                "triggers": [{"type": "redis", "metadata": trigger}],
            },
        },
    ]


def _workload(namespace: str) -> Manifest:
    return {
        "apiVersion": "greenscale.dev/v1alpha1",
        "kind": "GreenScaleWorkload",
        "metadata": {"name": OURS, "namespace": namespace},
        "spec": {
            "engine": {"type": "Echo"},
            "scaling": {"pollingInterval": POLLING, "cooldownPeriod": COOLDOWN, "maxReplicas": 1},
        },
    }


@contextmanager
def stage() -> Iterator[Cluster]:
    """Bring both, asleep."""
    with folder() as made:
        cluster = Cluster(made)
        try:
            cluster.bring()
            yield cluster
        finally:
            cluster.end()


def asks(stage: Cluster, steps: Steps) -> None:
    """Push, and wait at the list for the answer."""
    stage.rest()
    job = f"ask-{uuid.uuid4().hex[:6]}"
    with steps.timed():
        steps.command(f"""{CLI} LPUSH prompts '{{"id": "{job}", "prompt": "hello"}}'""")
        printed = steps.command(f"{CLI} BRPOP answers:{job} 60")
    assert printed.split()[-1] == "hello"


def finds(stage: Cluster, steps: Steps) -> None:
    """Read the pod's log, as long as there is a pod: nobody has it afterwards."""
    stage.fail(1)
    logs = f"kubectl -n {stage.namespace} logs deploy/{HAND}"
    with steps.timed():
        printed = steps.command(logs)
    assert model.BUSY in printed
    stage.rest()
    assert model.BUSY not in shell(f"{logs} 2>&1 || true", stage.folder, stage.environment)


def retries(stage: Cluster, steps: Steps) -> None:
    """Move them all back, which a script of Redis does: RENAME would lose what waits meanwhile."""
    stage.fail(DEAD)
    with steps.timed():
        steps.command(f"{CLI} {ALL_AGAIN}")
    until(lambda: stage.answered("bad") == DEAD)


def sees_sleep(stage: Cluster, steps: Steps) -> None:
    """See that the Deployment has no pod."""
    stage.rest()
    with steps.timed():
        printed = steps.command(f"kubectl -n {stage.namespace} get deployments")
    assert "0/0" in printed


def sends_many(stage: Cluster, steps: Steps) -> None:
    """Push a file of jobs, as many at once as fit on redis-cli's command line."""
    stage.rest()
    with steps.timed():
        steps.command(f"{SEND} < prompts.jsonl")
    until(lambda: stage.answered("many") == MANY)


def ours_asks(stage: Cluster, steps: Steps) -> None:
    """Reach the cluster's Redis, and send as anywhere."""
    stage.rest()
    port = free_port()
    submit = f"greenscale submit --stream --redis redis://127.0.0.1:{port} -w {stage.namespace}/{OURS} hello"
    forward: subprocess.Popen[bytes] | None = None
    try:
        with steps.timed():
            forward = steps.begin(f"kubectl -n {INSTALLATION} port-forward service/redis-service {port}:6379")
            until(lambda: b"Forwarding" in (stage.folder / "kubectl.out").read_bytes())
            answer = steps.command(submit)
    finally:
        if forward is not None:
            end(forward)
            (stage.folder / "kubectl.out").unlink()
    assert answer == "hello\n"


def ours_sees_sleep(stage: Cluster, steps: Steps) -> None:
    """Look at the resource."""
    stage.rest()
    with steps.timed():
        printed = steps.command("kubectl get greenscaleworkloads --all-namespaces")
    assert "ScaledToZero" in printed


WAYS: Ways = {
    "kubectl and redis-cli": {"a": asks, "b": finds, "c": retries, "d": sees_sleep, "e": sends_many},
    "GreenScale on that cluster": {"a": ours_asks, "d": ours_sees_sleep},
}
