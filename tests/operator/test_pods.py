"""Pods as the scheduler and the kubelet report them, and what is said of each."""

from typing import Any

import pytest

from greenscale_operator import pods
from greenscale_operator.observed import Fault, Pods, timestamp
from greenscale_operator.patience import Patience

NOW = 1_700_000_000.0

Body = dict[str, Any]

OPENAI, SERVER = Patience(), Patience(start=1920, ready=1830)


def ago(seconds: float) -> str:
    text = timestamp(NOW - seconds)
    assert text is not None
    return text


def condition(kind: str, status: str, seconds: float = 5, **more: Any) -> Body:
    return {"type": kind, "status": status, "lastTransitionTime": ago(seconds), **more}


def scheduled(seconds: float = 5) -> Body:
    return condition("PodScheduled", "True", seconds)


NO_GPU = (
    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/3 nodes are "
    "available: 3 Preemption is not helpful for scheduling."
)


def unschedulable(seconds: float, message: str = NO_GPU) -> Body:
    return condition("PodScheduled", "False", seconds, reason="Unschedulable", message=message)


SET_UP = condition("PodReadyToStartContainers", "True")
NOT_SET_UP = condition("PodReadyToStartContainers", "False")


def running(seconds: float = 2, name: str = "worker", *, ready: bool = False, **more: Any) -> Body:
    state = {"running": {"startedAt": ago(seconds)}}
    return {"name": name, "ready": ready, "started": True, "restartCount": 0, "state": state, **more}


def waiting(reason: str = "ContainerCreating", message: str = "", name: str = "worker", **more: Any) -> Body:
    told = {"reason": reason, **({"message": message} if message else {})}
    return {"name": name, "ready": False, "started": False, "restartCount": 0, "state": {"waiting": told}, **more}


def ended(seconds: float, code: int, reason: str = "Error", message: str = "", *, lived: float = 1) -> Body:
    told = {"exitCode": code, "reason": reason, "startedAt": ago(seconds + lived), "finishedAt": ago(seconds)}
    return {"terminated": {**told, **({"message": message} if message else {})}}


def pod(
    *conditions: Body,
    containers: tuple[Body, ...] = (),
    inits: tuple[Body, ...] = (),
    spec: Body | None = None,
    name: str = "w-1",
    created: float = 5,
    **metadata: Any,
) -> Body:
    status = {
        "phase": "Pending",
        "conditions": list(conditions),
        "containerStatuses": list(containers),
        "initContainerStatuses": list(inits),
    }
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": ago(created), **metadata},
        "spec": spec or {},
        "status": status,
    }


SIDECAR = {"initContainers": [{"name": "server", "restartPolicy": "Always"}], "containers": [{"name": "worker"}]}


def look(*bodies: Body, patience: Patience = OPENAI, **more: Any) -> Pods:
    return pods.look(list(bodies), patience=patience, now=NOW, **more)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(pod(), "waiting for a node", id="new"),
        pytest.param(
            pod(unschedulable(45)),
            "waiting for a node with a free GPU for 40 s (0/3 nodes are available: 3 Insufficient nvidia.com/gpu)",
            id="no GPU is free",
        ),
        pytest.param(
            pod(
                condition("PodScheduled", "False", 5, reason="SchedulingGated"),
                spec={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
            ),
            "held by the scheduling gate kueue.x-k8s.io/admission",
            id="a gate",
        ),
        pytest.param(
            pod(scheduled(), containers=(waiting(),)),
            "pulling images, mounting volumes and starting containers",
            id="an old kubelet does not say what it does",
        ),
        pytest.param(pod(scheduled(), NOT_SET_UP), "mounting volumes and setting up the network", id="mounts"),
        pytest.param(
            pod(scheduled(), SET_UP, containers=(waiting(),)), "pulling the image of the worker for 0 s", id="pulls"
        ),
        pytest.param(
            pod(scheduled(), SET_UP, inits=(waiting(name="server"),), containers=(waiting(),), spec=SIDECAR),
            "pulling the image of the model server",
            id="pulls the server's image first",
        ),
        pytest.param(
            pod(scheduled(), SET_UP, inits=(running(name="server"),), containers=(waiting(),), spec=SIDECAR),
            "pulling the image of the worker",
            id="the server runs, the worker's image is still pulled",
        ),
        pytest.param(
            pod(
                scheduled(),
                SET_UP,
                inits=(running(40, "fetch-model"),),
                containers=(waiting("PodInitializing"),),
                spec={"initContainers": [{"name": "fetch-model"}]},
            ),
            "the init container fetch-model is running for 40 s",
            id="an init container",
        ),
        pytest.param(
            pod(
                scheduled(),
                SET_UP,
                inits=(waiting("PodInitializing", name="fetch-model"),),
                containers=(waiting("PodInitializing"),),
                spec={"initContainers": [{"name": "fetch-model"}]},
            ),
            "pulling the image of the init container fetch-model",
            id="the image of an init container",
        ),
        pytest.param(
            pod(
                scheduled(),
                SET_UP,
                inits=({**running(4, "istio-proxy"), "started": False},),
                containers=(waiting("PodInitializing"),),
                spec={"initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}]},
            ),
            "waiting for the sidecar istio-proxy to start",
            id="a sidecar's startup probe",
        ),
        pytest.param(pod(scheduled(), containers=(running(),)), "the worker is starting", id="the worker runs"),
        pytest.param(
            pod(
                scheduled(),
                condition("Ready", "False", 5),
                inits=(running(3, "server"),),
                containers=(running(),),
                spec=SIDECAR,
            ),
            "the model server is loading the model",
            id="the model loads",
        ),
        pytest.param(
            pod(
                scheduled(),
                condition("Ready", "False", 5, reason="ContainersNotReady"),
                containers=(running(90, ready=True), running(90, "metrics")),
            ),
            "the container metrics is not ready",
            id="a container beside the worker",
        ),
        pytest.param(
            pod(scheduled(), condition("Ready", "True"), containers=(running(ready=True),)), None, id="all is ready"
        ),
    ],
)
def test_what_a_pod_is_doing(body: Body, expected: str | None) -> None:
    found = look(body)

    assert found.doing == (expected.removesuffix(" for 0 s") if expected else None)
    assert found.fault is None
    assert found.starting is (expected is not None)


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
        pytest.param(pod(created=121), "NotScheduled", "No scheduler has looked at it", id="no scheduler"),
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
    found = look(body, redis="redis:6379")

    assert found.fault is not None
    assert found.fault.reason == reason
    assert words in found.fault.message
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
    assert look(body, patience=patience).fault is None


def test_no_patience_at_all_can_be_asked_for() -> None:
    assert look(pod(unschedulable(0)), patience=Patience(node=0)).fault is not None


def test_a_fault_is_worded_the_same_at_every_look() -> None:
    """A status whose words change is written each time, and its Events come again."""
    back_off = waiting("CrashLoopBackOff", "back-off 40s restarting", restartCount=3, lastState=ended(30, 2))
    again = running(1, restartCount=3, lastState=ended(41, 2))
    looks = [look(pod(scheduled(), containers=(status,))) for status in (back_off, again)]
    later = [look(pod(unschedulable(seconds))).fault for seconds in (700, 5000)]

    assert looks[0].fault == looks[1].fault
    assert later[0] == later[1]


def test_a_server_that_was_ready_and_answers_no_longer_is_not_called_loading() -> None:
    status = [scheduled(900), condition("Ready", "False", 20)]
    body = pod(*status, inits=(running(800, "server"),), containers=(running(800, ready=True),), spec=SIDECAR)
    found = look(body, patience=SERVER)
    later = look(
        {**body, "status": {**body["status"], "conditions": [scheduled(900), condition("Ready", "False", 31)]}}
    )

    assert found.doing == "the model server is not ready for 20 s"
    assert found.fault is None
    assert found.lost is not None
    assert found.lost.reason == "ModelServerNotReady"
    assert look(pod(name="w-0"), body, patience=SERVER).lost == found.lost
    assert found.working == 0
    assert later.fault == found.lost


def test_a_worker_beside_a_container_that_is_not_ready_still_works() -> None:
    sick = pod(
        scheduled(900),
        condition("Ready", "False", 800),
        containers=(running(800, ready=True), running(800, "metrics")),
    )

    assert look(sick).working == 1


def test_a_worker_that_crashes_again_and_again_does_not_count_as_working_while_it_happens_to_be_ready() -> None:
    crashing = running(9, ready=True, restartCount=3, lastState=ended(10, 137, "OOMKilled"))
    found = look(pod(scheduled(90), condition("Ready", "True", 8), containers=(crashing,)))

    assert found.fault is not None
    assert found.working == 0


def test_one_pod_that_waits_and_one_that_starts() -> None:
    found = look(pod(unschedulable(700)), pod(scheduled(), containers=(running(),), name="w-2"))

    assert found.fault is not None
    assert found.starting


def test_pods_that_are_being_deleted_count_as_ending_and_those_that_are_over_do_not() -> None:
    deletion: Body = {"deletionTimestamp": ago(-590), "deletionGracePeriodSeconds": 630}
    ending = pod(scheduled(900), containers=(running(900),), **deletion)
    evicted = pod(scheduled(), name="w-2")
    evicted["status"]["phase"] = "Failed"
    fresh = pod(scheduled(), containers=(running(),), name="w-3")

    end = Pods(looked=True, ending=1, ending_since=NOW - 40, ending_until=NOW + 590)

    assert look(ending, evicted, to_zero=True) == end
    assert look(ending, evicted, fresh).ending == 1
    assert look(ending, evicted, fresh).doing == "the worker is starting"
    assert look(evicted, to_zero=True) == Pods(looked=True)
    assert look(fresh, to_zero=True).ending == 1


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
    found = look(failed("w-1", 20), failed("w-2", 10), fresh)

    assert found.fault == Fault(
        "UnexpectedAdmissionError",
        "Pods of the worker fail again and again, the last with UnexpectedAdmissionError: Pod was rejected: Allocate "
        "failed due to no healthy devices present.",
    )
    assert not found.starting
    assert look(failed("w-1", 10), fresh).fault is None
    assert look(failed("w-1", 2000), failed("w-2", 10), fresh).fault is None


@pytest.mark.parametrize("secret", ["password=hunter2", "Bearer abcdefgh12345678", "redis://:hunter2@redis:6379"])
def test_a_logs_last_lines_are_bounded_and_hide_secrets(secret: str) -> None:
    log = "\n".join(["first", "x " * 4000, secret, "last"])
    crash = waiting("CrashLoopBackOff", restartCount=3, lastState=ended(3, 1, message=log))
    found = look(pod(scheduled(), containers=(crash,)))

    assert found.fault is not None
    assert secret not in found.fault.message
    assert "hunter2" not in found.fault.message
    assert "| last. kubectl logs w-1 -n shop -c worker --previous" in found.fault.message
    assert len(found.fault.message) < 600


def test_pods_that_nobody_creates() -> None:
    """The Deployment controller takes a moment; one that is gone takes for ever."""
    metadata = {"name": "w", "namespace": "shop"}
    soon, late = (pods.none_created(NOW - seconds, metadata, NOW) for seconds in (20, 120))

    assert (soon.doing, soon.fault, soon.starting) == ("waiting for Kubernetes to create a pod for 20 s", None, True)
    assert late.fault is not None
    assert "kubectl describe deployment w -n shop" in late.fault.message
    assert not late.starting
