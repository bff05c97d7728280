"""Which variables Kubernetes wrote into the pod, and which somebody set."""

import pytest

from greenscale_jobs.connection.service_links import is_service_link, without_service_links
from greenscale_testing.kubernetes_variables import service_links


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("REDIS_PORT", "6379", id="a port that is a number"),
        pytest.param("GREENSCALE_HEALTH_PORT", "http", id="a port that is wrong: its fault must be reported"),
        pytest.param("GREENSCALE_SERVER_READY_URL", "tcp://here", id="another name"),
        pytest.param("OPENAI_BASE_URL", "http://here/v1", id="an address"),
        pytest.param("GREENSCALE_PORTS", "tcp://here", id="a name that only begins so"),
    ],
)
def test_what_somebody_set_stays(name: str, text: str) -> None:
    assert not is_service_link(name, text)


@pytest.mark.parametrize("service", ["greenscale", "greenscale-page", "redis", "a"])
def test_what_a_service_became_goes(service: str) -> None:
    links = service_links(service)

    assert without_service_links({**links, "PATH": "/bin"}) == {"PATH": "/bin"}
