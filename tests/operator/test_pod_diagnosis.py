"""Pods as the scheduler and the kubelet report them, and what is said of each."""

import pytest

from greenscale_operator import pod_diagnosis
from greenscale_operator.facts import Pods
from greenscale_testing.pod_bodies import (
    NOT_SET_UP,
    NOW,
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
    found = diagnose(body)

    assert found.doing == (expected.removesuffix(" for 0 s") if expected else None)
    assert found.problem is None
    assert found.starting is (expected is not None)


def test_a_server_that_was_ready_and_answers_no_longer_is_not_called_loading() -> None:
    status = [scheduled(900), condition("Ready", "False", 20)]
    body = pod(*status, inits=(running(800, "server"),), containers=(running(800, ready=True),), spec=SIDECAR)
    found = diagnose(body, patience=SERVER)
    later = diagnose(
        {**body, "status": {**body["status"], "conditions": [scheduled(900), condition("Ready", "False", 31)]}}
    )

    assert found.doing == "the model server is not ready for 20 s"
    assert found.problem is None
    assert found.lost is not None
    assert found.lost.reason == "ModelServerNotReady"
    assert diagnose(pod(name="w-0"), body, patience=SERVER).lost == found.lost
    assert found.working == 0
    assert later.problem == found.lost


def test_a_worker_beside_a_container_that_is_not_ready_still_works() -> None:
    sick = pod(
        scheduled(900),
        condition("Ready", "False", 800),
        containers=(running(800, ready=True), running(800, "metrics")),
    )

    assert diagnose(sick).working == 1


def test_a_worker_that_crashes_again_and_again_does_not_count_as_working_while_it_happens_to_be_ready() -> None:
    crashing = running(9, ready=True, restartCount=3, lastState=ended(10, 137, "OOMKilled"))
    found = diagnose(pod(scheduled(90), condition("Ready", "True", 8), containers=(crashing,)))

    assert found.problem is not None
    assert found.working == 0


def test_one_pod_that_waits_and_one_that_starts() -> None:
    found = diagnose(pod(unschedulable(700)), pod(scheduled(), containers=(running(),), name="w-2"))

    assert found.problem is not None
    assert found.starting


def test_pods_that_are_being_deleted_count_as_ending_and_those_that_are_over_do_not() -> None:
    deletion: Body = {"deletionTimestamp": ago(-590), "deletionGracePeriodSeconds": 630}
    ending = pod(scheduled(900), containers=(running(900),), **deletion)
    evicted = pod(scheduled(), name="w-2")
    evicted["status"]["phase"] = "Failed"
    fresh = pod(scheduled(), containers=(running(),), name="w-3")

    end = Pods(looked=True, ending=1, ending_since=NOW - 40, ending_until=NOW + 590)

    assert diagnose(ending, evicted, to_zero=True) == end
    assert diagnose(ending, evicted, fresh).ending == 1
    assert diagnose(ending, evicted, fresh).doing == "the worker is starting"
    assert diagnose(evicted, to_zero=True) == Pods(looked=True)
    assert diagnose(fresh, to_zero=True).ending == 1


def test_pods_that_nobody_creates() -> None:
    """The Deployment controller takes a moment; one that is gone takes for ever."""
    metadata = {"name": "w", "namespace": "shop"}
    soon, late = (pod_diagnosis.none_created(NOW - seconds, metadata, NOW) for seconds in (20, 120))

    assert (soon.doing, soon.problem, soon.starting) == ("waiting for Kubernetes to create a pod for 20 s", None, True)
    assert late.problem is not None
    assert "kubectl describe deployment w -n shop" in late.problem.message
    assert not late.starting
