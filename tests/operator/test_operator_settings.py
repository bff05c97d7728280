"""The operator's environment: read once, every problem in one line."""

import pytest

from greenscale_operator.objects import Install
from greenscale_operator.settings import InvalidSettings, Settings, read_settings
from greenscale_testing.kubernetes_variables import service_links


def test_nothing_need_be_set() -> None:
    assert read_settings({"GREENSCALE_IDENTITY": "a", "PATH": "/bin"}) == Settings(identity="a")


@pytest.mark.parametrize(
    "service",
    ["greenscale", "greenscale-operator", "greenscale-worker", "greenscale-health", "greenscale-redis-host", "redis"],
)
def test_a_service_of_any_name_in_the_namespace_stops_nothing(service: str) -> None:
    """Kubernetes writes variables for each: GREENSCALE_HEALTH_PORT=tcp://10.0.0.1:80, say."""
    environment = {**service_links(service), **service_links(service, port=53, port_name="dns-udp", address="fd00::1")}

    assert read_settings({**environment, "GREENSCALE_IDENTITY": "a"}) == Settings(identity="a")


def test_an_installation_tells_its_workloads() -> None:
    settings = read_settings(
        {"GREENSCALE_NAMESPACE": "ai", "GREENSCALE_REDIS_HOST": "redis", "GREENSCALE_WORKER_IMAGE": "w:1"}
    )

    assert settings.install == Install("ai", "redis", "w:1")


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({"GREENSCALE_HEALTH_PORT": "http", "GREENSCALE_REDIS_PORT": "1"})

    assert "GREENSCALE_HEALTH_PORT=http: Expected `int`" in str(caught.value)
    assert "GREENSCALE_REDIS_PORT is not a setting of the operator" in str(caught.value)
