"""What a worker process of `greenscale local` is started with: what its pod would have."""

import json

import pytest

from greenscale_cli.local.pool import worker_environment
from greenscale_jobs import RedisAddress
from greenscale_operator.manifest import deployment
from greenscale_operator.objects import Install
from greenscale_operator.workload import parse


def test_a_worker_has_the_settings_of_its_resource_not_those_of_our_own_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKER_SETTINGS", '{"maxLosses": 7}')
    resource = {"metadata": {"name": "w"}, "spec": {"engine": {"type": "Echo"}, "queue": {"maxLosses": 2}}}
    started = worker_environment(deployment(parse(resource), Install()), RedisAddress(), {})

    assert json.loads(started["WORKER_SETTINGS"])["maxLosses"] == 2


def test_a_worker_is_not_given_that_its_restart_reads_secrets_again() -> None:
    """A process here has the values of our own environment, whenever it starts: it would end again and again."""
    asked = {"type": "OpenAI", "openAI": {"apiKeySecretRef": {"name": "openai", "key": "api-key"}}}
    resource = {"metadata": {"name": "w"}, "spec": {"engine": asked, "queue": {"maxLosses": 2}}}
    started = worker_environment(deployment(parse(resource), Install()), RedisAddress(), {"OPENAI_API_KEY": "sk-1"})
    settings = json.loads(started["WORKER_SETTINGS"])

    assert ("readAgainAtRestart" in settings, settings["maxLosses"]) == (False, 2)


@pytest.mark.parametrize("given", ["{", "[1]", '"x"'])
def test_settings_that_are_none_are_left_for_the_worker_to_name(given: str) -> None:
    env = [{"name": "WORKER_SETTINGS", "value": given}]
    resource = {"metadata": {"name": "w"}, "spec": {"engine": {"type": "Echo"}, "worker": {"env": env}}}

    assert worker_environment(deployment(parse(resource), Install()), RedisAddress(), {})["WORKER_SETTINGS"] == given


def test_what_the_resource_gives_its_worker_has_the_last_word() -> None:
    env = [{"name": "WORKER_SETTINGS", "value": '{"maxLosses": 9}'}]
    resource = {"metadata": {"name": "w"}, "spec": {"engine": {"type": "Echo"}, "worker": {"env": env}}}
    started = worker_environment(deployment(parse(resource), Install()), RedisAddress(), {})

    assert started["WORKER_SETTINGS"] == '{"maxLosses": 9}'
