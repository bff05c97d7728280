"""What is shipped to be applied: each pod of it is safe in a namespace that holds other things too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenscale_operator import schema, workload
from greenscale_operator.manifest import deployment
from greenscale_operator.objects import Install

ROOT = Path(__file__).parents[1]

SHIPPED = sorted([*(ROOT / "deploy" / "base").glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Find each pod's spec, however deep."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for part in value.values():
            yield from pods(part)
    elif isinstance(value, list):
        for part in value:
            yield from pods(part)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_no_service_of_the_namespace_writes_variables_into_a_shipped_pod(file: Path) -> None:
    """One called `streamlit-server` would stop the page: STREAMLIT_SERVER_PORT=tcp://10.0.0.1:80."""
    for pod in pods(list(yaml.safe_load_all(file.read_text()))):
        assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_no_service_of_the_namespace_writes_variables_into_a_worker(file: Path) -> None:
    (pod,) = pods(deployment(workload.parse(schema.load(file)), Install()))

    assert pod["enableServiceLinks"] is False


def test_the_shipped_pods_are_found() -> None:
    """A test that looks at nothing proves nothing."""
    found = [pod for file in SHIPPED for pod in pods(list(yaml.safe_load_all(file.read_text())))]

    assert len(found) == 3
