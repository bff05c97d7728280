"""What a worker process of `greenscale local` is started with: what its pod would have."""

import json

import pytest

from greenscale_cli.local.pool import worker_environment
from greenscale_jobs import RedisAddress
from greenscale_operator.desired import deployment
from greenscale_operator.objects import Install
from greenscale_operator.workload import parse


def test_a_worker_has_the_settings_of_its_resource_not_those_of_our_own_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKER_SETTINGS", '{"maxLosses": 7}')
    resource = {"metadata": {"name": "w"}, "spec": {"engine": {"type": "Echo"}, "queue": {"maxLosses": 2}}}
    started = worker_environment(deployment(parse(resource), Install()), RedisAddress(), {})

    assert json.loads(started["WORKER_SETTINGS"])["maxLosses"] == 2


def test_what_the_resource_gives_its_worker_has_the_last_word() -> None:
    env = [{"name": "WORKER_SETTINGS", "value": '{"maxLosses": 9}'}]
    resource = {"metadata": {"name": "w"}, "spec": {"engine": {"type": "Echo"}, "worker": {"env": env}}}
    started = worker_environment(deployment(parse(resource), Install()), RedisAddress(), {})

    assert started["WORKER_SETTINGS"] == '{"maxLosses": 9}'
