"""The table of runners: whoever adds one finds here what it must have."""

from pathlib import Path

import msgspec
import pytest
import yaml

from greenscale_worker.runner import RunnerSettings
from greenscale_worker.runners import RUNNERS
from greenscale_worker.settings import read_settings

CRD = Path(__file__).parents[2] / "crds" / "greenscaleworkloads.yaml"


def test_there_is_a_runner_for_each_type_of_engine() -> None:
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]

    assert set(RUNNERS) == set(spec["properties"]["engine"]["properties"]["type"]["enum"])


@pytest.mark.parametrize("settings", RUNNERS.values(), ids=RUNNERS.keys())
def test_each_variable_of_a_runner_sets_one_of_its_fields(settings: type[RunnerSettings]) -> None:
    assert set(settings.variables) <= {field.name for field in msgspec.structs.fields(settings)}


@pytest.mark.parametrize("engine", RUNNERS)
def test_a_runner_knows_what_no_log_may_contain(engine: str) -> None:
    """Its key, and its addresses: a key may be a part of them."""
    environment = {
        "GREENSCALE_ENGINE": engine,
        "OPENAI_API_KEY": "sk-secret",
        "OPENAI_BASE_URL": "http://here/secret/v1",
        "GREENSCALE_SERVER_READY_URL": "http://here/secret/health",
        "HTTP_PROXY": "http://user:secret@proxy:8080",
    }
    runner = read_settings(environment, process_id=1).runner
    expected = {
        "OpenAI": {"sk-secret", "http://here/secret/v1", "http://user:secret@proxy:8080"},
        "Server": {"sk-secret", "http://here/secret/v1", "http://here/secret/health"},
        "Echo": set(),
    }

    assert set(runner.secrets) == expected[engine]
    assert "secret" not in repr(runner)
