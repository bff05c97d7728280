"""What keeps a pod from becoming ready, and what only takes its time."""

import pytest

from greenscale_jobs.workloads import Problem
from greenscale_operator.patience import Patience
from greenscale_testing.pod_bodies import (
    NOT_SET_UP,
    OPENAI,
    SERVER,
    SET_UP,
    SIDECAR,
    Body,
    ago,
    condition,
    diagnose,
    ended,
    pod,
    running,
    scheduled,
    unschedulable,
    waiting,
)

NOT_FOUND = "couldn't find key api-key in Secret shop/openai"
EXEC = 'exec: "/no-such": stat /no-such: no such file or directory'
OOM = ended(3, 137, "OOMKilled")
TRACE = "Traceback ...\nValueError: REDIS_PORT must be a whole number, not 'x'"


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        pytest.param(
            pod(unschedulable(601)), "Unschedulable", "not ready after 10 min: waiting for a node", id="no node"
        ),
        pytest.param(
            pod(unschedulable(61, '0/1 nodes are available: persistentvolumeclaim "models" not found. not found')),
            "Unschedulable",
            "Create that PersistentVolumeClaim",
            id="no node can mend a claim that is missing",
        ),
        pytest.param(
            pod(
                condition("PodScheduled", "False", 601, reason="SchedulingGated"),
                spec={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
            ),
            "SchedulingGated",
            "held by the scheduling gate kueue.x-k8s.io/admission",
            id="a gate that nobody opens",
        ),
        pytest.param(pod(created=121), "NotScheduled", "No scheduler has considered it", id="no scheduler"),
        pytest.param(
            pod(scheduled(121), NOT_SET_UP),
            "NotStarted",
            "kubectl describe pod w-1 -n shop",
            id="a volume that never comes",
        ),
        pytest.param(
            pod(
                scheduled(1900),
                SET_UP,
                inits=(running(1801, "fetch-model"),),
                containers=(waiting("PodInitializing"),),
                spec={"initContainers": [{"name": "fetch-model"}]},
            ),
            "InitContainerRunning",
            "kubectl logs w-1 -n shop -c fetch-model",
            id="an init container that never ends",
        ),
        pytest.param(
            pod(scheduled(40), condition("Ready", "False", 40), containers=(running(31),)),
            "WorkerNotReady",
            "does not claim from the queue in Redis at redis:6379",
            id="a worker that does not reach the queue",
        ),
        pytest.param(
            pod(scheduled(900), condition("Ready", "False", 31), containers=(running(800),)),
            "WorkerNotReady",
            "the worker is not ready",
            id="a worker that no longer reaches the queue",
        ),
        pytest.param(
            pod(
                scheduled(),
                containers=(waiting("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: no host'),),
            ),
            "ErrImagePull",
            "The container worker of pod w-1 does not start, the image cannot be pulled: no host",
            id="no image, between two tries",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting("ErrImagePull", "no host"),)),
            "ErrImagePull",
            "the image cannot be pulled: no host",
            id="no image, just tried",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting("CreateContainerConfigError", NOT_FOUND),)),
            "SecretMissing",
            NOT_FOUND,
            id="a key that is not in the Secret",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting("CreateContainerConfigError", 'secret "openai" not found'),)),
            "SecretMissing",
            'secret "openai" not found',
            id="no Secret",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting("CreateContainerConfigError", 'configmap "c" not found'),)),
            "CreateContainerConfigError",
            'configmap "c" not found',
            id="no ConfigMap",
        ),
        pytest.param(
            pod(
                scheduled(),
                containers=(waiting("CrashLoopBackOff", "back-off 40s", restartCount=3, lastState=OOM),),
                spec={"containers": [{"name": "worker", "resources": {"limits": {"memory": "12Mi"}}}]},
            ),
            "OOMKilled",
            "raise the memory limit (12Mi)",
            id="too little memory",
        ),
        pytest.param(
            pod(
                scheduled(),
                containers=(
                    waiting(
                        "CrashLoopBackOff",
                        restartCount=1,
                        lastState=ended(3, 128, "StartError", "container init was OOM-killed (memory limit too low?)"),
                    ),
                ),
            ),
            "OOMKilled",
            "raise the memory limit (not set)",
            id="too little memory to start at all",
        ),
        pytest.param(
            pod(
                scheduled(),
                containers=(
                    waiting("CrashLoopBackOff", restartCount=3, lastState=ended(3, 2, message=TRACE)),
                    running(9, "metrics", ready=True),
                ),
            ),
            "CrashLoopBackOff",
            "exit status 2, Error; it said last: Traceback ... | ValueError: REDIS_PORT must be a whole number",
            id="a variable that cannot be read",
        ),
        pytest.param(
            pod(scheduled(), containers=(running(4, restartCount=2, lastState=ended(9, 2)),)),
            "CrashLoopBackOff",
            "exit status 2",
            id="it has just been started again",
        ),
        pytest.param(
            pod(scheduled(), containers=(running(4, ready=True, restartCount=2, lastState=ended(9, 2)),)),
            "CrashLoopBackOff",
            "exit status 2",
            id="it is ready, and was before it crashed",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting("RunContainerError", EXEC),)),
            "RunContainerError",
            f"the container cannot be started: {EXEC}",
            id="no such command",
        ),
        pytest.param(
            pod(
                scheduled(),
                containers=(waiting("CrashLoopBackOff", restartCount=2, lastState=ended(3, 128, "StartError", EXEC)),),
            ),
            "RunContainerError",
            f"the container cannot be started: {EXEC}",
            id="no such command, between two tries",
        ),
        pytest.param(
            pod(
                scheduled(),
                inits=(waiting("CrashLoopBackOff", name="server", restartCount=2, lastState=ended(3, 1)),),
                containers=(running(),),
                spec=SIDECAR,
            ),
            "CrashLoopBackOff",
            "The container server of pod w-1",
            id="the model server crashes",
        ),
    ],
)
def test_what_keeps_a_pod_from_becoming_ready(body: Body, reason: str, words: str) -> None:
    found = diagnose(body, redis="redis:6379")

    assert found.problem is not None
    assert found.problem.reason == reason
    assert words in found.problem.message
    assert not found.starting


@pytest.mark.parametrize(
    ("body", "patience"),
    [
        pytest.param(pod(unschedulable(599)), OPENAI, id="a node may still come"),
        pytest.param(pod(unschedulable(3000)), Patience(node=3600), id="a node may take that long here"),
        pytest.param(
            pod(scheduled(), containers=(running(1, restartCount=1, lastState=ended(2, 2)),)), OPENAI, id="one crash"
        ),
        pytest.param(
            pod(
                scheduled(900),
                condition("Ready", "True", 61),
                containers=(running(61, ready=True, restartCount=5, lastState=ended(70, 2)),),
            ),
            OPENAI,
            id="it has lived for a while since its last crash",
        ),
        pytest.param(pod(scheduled(1000), SET_UP, containers=(waiting(),)), SERVER, id="a large image"),
        pytest.param(
            pod(scheduled(9000), containers=(running(1, restartCount=5, lastState=ended(2, 1, lived=700)),)),
            OPENAI,
            id="one crash after a long life",
        ),
        pytest.param(
            pod(
                scheduled(1000),
                condition("Ready", "False", 1000),
                inits=(running(900, "server"),),
                containers=(running(900),),
                spec=SIDECAR,
            ),
            SERVER,
            id="a large model",
        ),
    ],
)
def test_what_takes_its_time_is_no_fault(body: Body, patience: Patience) -> None:
    assert diagnose(body, patience=patience).problem is None


def test_no_patience_at_all_can_be_asked_for() -> None:
    assert diagnose(pod(unschedulable(0)), patience=Patience(node=0)).problem is not None


def test_a_fault_is_worded_the_same_at_every_look() -> None:
    """A status whose words change is written each time, and its Events come again."""
    back_off = waiting("CrashLoopBackOff", "back-off 40s restarting", restartCount=3, lastState=ended(30, 2))
    again = running(1, restartCount=3, lastState=ended(41, 2))
    diagnoses = [diagnose(pod(scheduled(), containers=(status,))) for status in (back_off, again)]
    later = [diagnose(pod(unschedulable(seconds))).problem for seconds in (700, 5000)]

    assert diagnoses[0].problem == diagnoses[1].problem
    assert later[0] == later[1]


def test_pods_that_fail_as_wholes_again_and_again() -> None:
    """Each leaves a body behind, and another pod takes its place, for ever."""

    def failed(name: str, seconds: float) -> Body:
        message = "Pod was rejected: Allocate failed due to no healthy devices present"
        status = {
            "phase": "Failed",
            "reason": "UnexpectedAdmissionError",
            "message": message,
            "startTime": ago(seconds),
        }
        return {"metadata": {"name": name, "namespace": "shop", "creationTimestamp": ago(seconds)}, "status": status}

    fresh = pod(scheduled(), name="w-9")
    found = diagnose(failed("w-1", 20), failed("w-2", 10), fresh)

    assert found.problem == Problem(
        "UnexpectedAdmissionError",
        "Pods of the worker fail again and again, the last with UnexpectedAdmissionError: Pod was rejected: Allocate "
        "failed due to no healthy devices present.",
    )
    assert not found.starting
    assert diagnose(failed("w-1", 10), fresh).problem is None
    assert diagnose(failed("w-1", 2000), failed("w-2", 10), fresh).problem is None


@pytest.mark.parametrize("secret", ["password=hunter2", "Bearer abcdefgh12345678", "redis://:hunter2@redis:6379"])
def test_a_logs_last_lines_are_bounded_and_hide_secrets(secret: str) -> None:
    log = "\n".join(["first", "x " * 4000, secret, "last"])
    crash = waiting("CrashLoopBackOff", restartCount=3, lastState=ended(3, 1, message=log))
    found = diagnose(pod(scheduled(), containers=(crash,)))

    assert found.problem is not None
    assert secret not in found.problem.message
    assert "hunter2" not in found.problem.message
    assert "| last. kubectl logs w-1 -n shop -c worker --previous" in found.problem.message
    assert len(found.problem.message) < 600
