"""Zero is when the pods are gone: a model server that does not end on SIGTERM holds what it runs on."""

from collections.abc import Callable

import pytest

from greenscale_jobs import JobClient
from greenscale_testing.cluster_engines import beside_the_worker, put_sources
from greenscale_testing.kubernetes import Manifest, await_condition, await_state, get, names

Make = Callable[..., Manifest]
Client = Callable[[str], JobClient]

SCRIPTS = {"script": "{}; exit", "stubborn": "trap '' TERM; {} & wait"}
"""A shell that handles no signal, as many images start their server; and one that ignores SIGTERM on purpose."""


@pytest.mark.timeout(300)
def test_zero_is_when_the_pods_are_gone(workload: Make, client_of: Client, namespace: str) -> None:
    """As the first process of its container the first would ignore SIGTERM too, but there it is not the first."""
    put_sources(namespace)
    server, pod = beside_the_worker(memory="192Mi")
    for name, script in SCRIPTS.items():
        spec = {**server, "model": "echo", "command": ["sh", "-c", script.format(" ".join(server["command"]))]}
        engine, queue = {"type": "Server", "server": spec}, {"jobTimeoutSeconds": 10}
        workload(name, engine=engine, worker={"podTemplate": pod}, queue=queue)
    for name in SCRIPTS:
        client = client_of(name)
        client.result(client.submit("hi"))
    ending = await_condition("stubborn", namespace, "WorkerAvailable", "Ending")
    status = get("gsw", "stubborn", namespace)["status"]
    await_state("script", namespace, "ScaledToZero")
    left = names("pod", namespace)
    await_state("stubborn", namespace, "ScaledToZero", seconds=90)

    assert "1 worker is still ending" in ending["message"]
    assert (status["state"], status["replicas"], status.get("zeroAt")) == ("CoolingDown", 1, None)
    assert [name.removeprefix("pod/").partition("-")[0] for name in left] == ["stubborn"]
    assert "zeroAt" in get("gsw", "stubborn", namespace)["status"]
    assert names("pod", namespace) == []
