"""Real instances of `greenscale local`, without the page."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenscale_jobs import JobClient
from greenscale_testing.instances import Instance, Make


@pytest.fixture
def make_instance(tmp_path: Path) -> Iterator[Make]:
    """Make an instance; keyword arguments go over the spec's parts."""
    made: list[Instance] = []

    def make(**parts: dict[str, Any]) -> Instance:
        spec: dict[str, Any] = {
            "engine": {"type": "Echo"},
            "worker": {"concurrency": 2},
            "queue": {"listName": "jobs", "leaseSeconds": 5},
            "scaling": {"maxReplicas": 4, "pollingInterval": 1, "cooldownPeriod": 2},
        }
        for name, part in parts.items():
            spec[name] = {**spec.get(name, {}), **part}
        file = tmp_path / f"workload-{len(made)}.yaml"
        kind = {"apiVersion": "greenscale.dev/v1alpha1", "kind": "GreenScaleWorkload", "metadata": {"name": "w"}}
        file.write_text(yaml.safe_dump({**kind, "spec": spec}))
        made.append(Instance(tmp_path / f"run-{len(made)}", file))
        return made[-1]

    yield make
    for instance in made:
        if instance.process:
            instance.stop(signal.SIGTERM)


@pytest.fixture
def client_of() -> Iterator[Callable[[Instance], JobClient]]:
    made: list[JobClient] = []

    def client(instance: Instance) -> JobClient:
        made.append(JobClient(instance.address))
        return made[-1]

    yield client
    for opened in made:
        opened.close()
