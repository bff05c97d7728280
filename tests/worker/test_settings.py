"""A worker's environment: read once, every fault in one line."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from greenscale_jobs import RedisAddress
from greenscale_testing.tls import Authority
from greenscale_worker.environment import Proxy
from greenscale_worker.runners.echo import EchoSettings
from greenscale_worker.runners.openai import OpenAISettings
from greenscale_worker.runners.server import ServerSettings
from greenscale_worker.settings import InvalidSettings, Settings, read_settings


def test_nothing_is_required() -> None:
    settings = read_settings({}, process_id=7)

    assert (settings.queue, settings.runner, settings.concurrency) == ("jobs", OpenAISettings(), 8)
    assert settings.redis == RedisAddress("localhost", 6379)
    assert settings.worker.endswith("-7")


def test_every_variable_is_read() -> None:
    environment = {
        "REDIS_HOST": "redis-service",
        "REDIS_PORT": "6380",
        "REDIS_DB": "2",
        "REDIS_USERNAME": "u",
        "REDIS_PASSWORD": "p",
        "REDIS_TLS": "true",
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": "http://here/v1",
        "GREENSCALE_QUEUE": "q",
        "GREENSCALE_ENGINE": "Server",
        "GREENSCALE_SERVER_READY_URL": "http://here/health",
        "GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS": "60",
        "GREENSCALE_MODEL": "m",
        "GREENSCALE_CONCURRENCY": "3",
        "GREENSCALE_JOB_TIMEOUT_SECONDS": "60",
        "GREENSCALE_LEASE_SECONDS": "10",
        "GREENSCALE_MAX_ATTEMPTS": "5",
        "GREENSCALE_BACKOFF_INITIAL_SECONDS": "0.5",
        "GREENSCALE_BACKOFF_MAX_SECONDS": "9",
        "GREENSCALE_RESULT_TTL_SECONDS": "100",
        "GREENSCALE_GRACE_SECONDS": "0",
        "GREENSCALE_LIVENESS_PORT": "8080",
        "GREENSCALE_LOG_FORMAT": "json",
        "GREENSCALE_WORKER": "w",
        "GREENSCALE_MAX_TOKENS": "50",
        "GREENSCALE_TEMPERATURE": "0.7",
        "GREENSCALE_SYSTEM": "Be brief.",
    }
    expected = Settings(
        redis=RedisAddress("redis-service", 6380, 2, "u", "p", tls=True),
        runner=ServerSettings(
            api_key="k", base_url="http://here/v1", ready_url="http://here/health", startup_seconds=60
        ),
        queue="q",
        model="m",
        concurrency=3,
        job_timeout_seconds=60,
        lease_seconds=10,
        max_attempts=5,
        backoff_initial_seconds=0.5,
        backoff_max_seconds=9,
        result_ttl_seconds=100,
        grace_seconds=0,
        liveness_port=8080,
        log_format="json",
        worker="w",
        max_tokens=50,
        temperature=0.7,
        system="Be brief.",
    )

    assert read_settings(environment, process_id=1) == expected


def test_an_empty_variable_counts_as_not_set() -> None:
    """A line `GREENSCALE_MODEL=` in a .env file means the default, not a model without a name."""
    assert read_settings({"GREENSCALE_MODEL": "", "REDIS_PORT": ""}, process_id=1).model == Settings().model


def test_all_faults_are_reported_at_once() -> None:
    environment = {
        "GREENSCALE_CONCURRENCY": "none",
        "GREENSCALE_ENGINE": "Ollama",
        "GREENSCALE_CONCURENCY": "4",
        "GREENSCALE_PAGE_PASSWORD": "the page's",
        "REDIS_PORT": "99999",
    }
    with pytest.raises(InvalidSettings) as caught:
        read_settings(environment, process_id=1)
    text = str(caught.value)

    assert "\n" not in text
    assert "GREENSCALE_CONCURRENCY=none: Expected `int`, got `str`" in text
    assert "GREENSCALE_ENGINE=Ollama: Invalid enum value 'Ollama'" in text
    assert "GREENSCALE_CONCURENCY is not a setting of the worker" in text
    assert "REDIS_PORT must be a whole number from 1 to 65535, not '99999'" in text
    assert "PAGE" not in text


def test_secrets_are_not_shown() -> None:
    settings = read_settings({"OPENAI_API_KEY": "sk-1", "REDIS_PASSWORD": "pw-1"}, process_id=1)

    assert "sk-1" not in repr(settings) + repr(settings.runner)
    assert "pw-1" not in repr(settings)


def refusal(environment: Mapping[str, str]) -> str:
    with pytest.raises(InvalidSettings) as caught:
        read_settings(environment, process_id=1)
    return str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("sk-x\n", id="a line break"),
        pytest.param("sk-x\r\n", id="a line break of Windows"),
        pytest.param(" sk-x\t", id="blanks"),
        pytest.param("\ufeffsk-x", id="a byte order mark"),
        pytest.param("\u200bsk-x\u00a0", id="blanks that nobody sees"),
        pytest.param('"sk-x"', id="quotes"),
        pytest.param("'sk-x'\n", id="single quotes and a line break"),
        pytest.param("\u201csk-x\u201d", id="curly quotes"),
    ],
)
def test_what_stands_around_a_secret_is_no_part_of_it(given: str) -> None:
    settings = read_settings({"OPENAI_API_KEY": given, "REDIS_PASSWORD": given}, process_id=1)

    assert (settings.runner, settings.redis.password) == (OpenAISettings(api_key="sk-x"), "sk-x")


def test_a_secret_of_blanks_counts_as_not_set() -> None:
    assert read_settings({"OPENAI_API_KEY": " \n"}, process_id=1).runner == OpenAISettings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("OPENAI_API_KEY", "sk-1\nsk-2", id="a key of two lines"),
        pytest.param("OPENAI_API_KEY", "sk-\x1b[0m1", id="a key with an escape sequence"),
        pytest.param("OPENAI_API_KEY", "sk-\u00e9", id="a key that is not ASCII"),
        pytest.param("OPENAI_BASE_URL", "http://here/v1\n", id="an address and a line break"),
        pytest.param("OPENAI_BASE_URL", "http://he re/v1", id="an address with a blank"),
        pytest.param("OPENAI_BASE_URL", " ", id="an address of blanks"),
        pytest.param("OPENAI_BASE_URL", "here:8000/v1", id="no scheme"),
        pytest.param("OPENAI_BASE_URL", "here/v1", id="no scheme and no port"),
        pytest.param("OPENAI_BASE_URL", "ftp://here/v1", id="another scheme"),
        pytest.param("OPENAI_BASE_URL", "http://:8000/v1", id="no host"),
        pytest.param("OPENAI_BASE_URL", "http://here:port/v1", id="a port that is no number"),
        pytest.param("OPENAI_BASE_URL", "http://[::1/v1", id="half an address of IPv6"),
        pytest.param("OPENAI_BASE_URL", "https://user:pass@here/v1", id="a user and a password"),
        pytest.param("OPENAI_BASE_URL", "https://here/openai?api-version=2024-10-21", id="a query"),
        pytest.param("OPENAI_BASE_URL", "https://here/v1/chat/completions", id="the whole path"),
        pytest.param("OPENAI_BASE_URL", '"http://here/v1"', id="quotes"),
        pytest.param("HTTPS_PROXY", "garbage://x", id="a proxy of no known kind"),
        pytest.param("http_proxy", "http://", id="a proxy without a host"),
        pytest.param("ALL_PROXY", "socks5://here:1080", id="a proxy of SOCKS"),
        pytest.param("SSL_CERT_FILE", "/nonexistent", id="certificates that do not exist"),
        pytest.param("SSL_CERT_FILE", __file__, id="certificates that are none"),
        pytest.param("SSL_CERT_DIR", "/nonexistent", id="a folder that does not exist"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(variable: str, value: str) -> None:
    text = refusal({variable: value})

    assert text.startswith(f"{variable} ")
    assert "\n" not in text
    assert ";" not in text.replace("remove it; at", ""), "one sentence"
    for secret in ("sk-", "pass@", "garbage", "1080"):
        assert secret not in text


def test_the_way_to_no_engine_is_not_looked_at() -> None:
    environment = {"GREENSCALE_ENGINE": "Echo", "HTTPS_PROXY": "garbage://x", "SSL_CERT_FILE": "/nonexistent"}

    assert read_settings(environment, process_id=1).runner == EchoSettings()


@pytest.mark.parametrize(
    ("url", "environment", "variable"),
    [
        pytest.param(None, {"HTTPS_PROXY": "http://p:1"}, "HTTPS_PROXY", id="OpenAI's own"),
        pytest.param("http://away/v1", {"HTTPS_PROXY": "http://p:1"}, None, id="for another scheme"),
        pytest.param("http://away/v1", {"http_proxy": "p:1"}, "http_proxy", id="without a scheme"),
        pytest.param("http://away/v1", {"ALL_PROXY": "http://p:1"}, "ALL_PROXY", id="for all"),
        pytest.param("http://127.0.0.1:1/v1", {"HTTP_PROXY": "http://p:1"}, None, id="loopback"),
        pytest.param("http://localhost:1/v1", {"ALL_PROXY": "socks5://p:1"}, None, id="localhost"),
        pytest.param("http://[::1]:1/v1", {"HTTP_PROXY": "http://p:1"}, None, id="loopback of IPv6"),
        pytest.param("http://a.svc/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "x, .svc"}, None, id="a domain"),
        pytest.param(
            "http://10.1.2.3/v1", {"HTTP_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, None, id="a network"
        ),
        pytest.param("http://a/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None, id="nothing"),
        pytest.param("http://a/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "a:81"}, "HTTP_PROXY", id="another port"),
    ],
)
def test_a_proxy_is_used_where_the_environment_wants_one(
    url: str | None, environment: Mapping[str, str], variable: str | None
) -> None:
    settings = read_settings({**environment, **({"OPENAI_BASE_URL": url} if url else {})}, process_id=1)

    proxy = Proxy(variable, "http://p:1") if variable else None
    assert settings.runner == OpenAISettings(base_url=url, proxy=proxy)


def test_the_pods_own_server_never_has_a_proxy() -> None:
    environment = {
        "GREENSCALE_ENGINE": "Server",
        "GREENSCALE_SERVER_READY_URL": "http://10.1.2.3:8000/health",
        "OPENAI_BASE_URL": "http://10.1.2.3:8000/v1",
        "HTTP_PROXY": "http://p:1",
    }

    runner = read_settings(environment, process_id=1).runner
    assert runner == ServerSettings(base_url="http://10.1.2.3:8000/v1", ready_url="http://10.1.2.3:8000/health")


NUMBERS = [
    "GREENSCALE_SERVER_STARTUP_TIMEOUT_SECONDS",
    "GREENSCALE_CONCURRENCY",
    "GREENSCALE_JOB_TIMEOUT_SECONDS",
    "GREENSCALE_LEASE_SECONDS",
    "GREENSCALE_MAX_ATTEMPTS",
    "GREENSCALE_BACKOFF_INITIAL_SECONDS",
    "GREENSCALE_BACKOFF_MAX_SECONDS",
    "GREENSCALE_RESULT_TTL_SECONDS",
    "GREENSCALE_GRACE_SECONDS",
    "GREENSCALE_LIVENESS_PORT",
    "GREENSCALE_MAX_TOKENS",
    "GREENSCALE_TEMPERATURE",
]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "-1", "1e12", "9" * 30])
@pytest.mark.parametrize("variable", NUMBERS)
def test_every_number_has_bounds(variable: str, value: str) -> None:
    """A lease without end would keep a dead worker's job for ever."""
    assert refusal({variable: value}).startswith(f"{variable}={value}: ")


def test_the_shared_settings_are_read() -> None:
    given = '{"giveUpAfterSeconds": 60, "maxLosses": 2, "maxAnswerBytes": 1024, '
    given += '"readAgainAtRestart": ["REDIS_CA", "OF_ANOTHER_VERSION"]}'
    settings = read_settings({"WORKER_SETTINGS": given}, process_id=1)

    assert (settings.give_up_after_seconds, settings.max_losses, settings.max_answer_bytes) == (60, 2, 1024)
    assert settings.read_again == {"REDIS_CA", "OF_ANOTHER_VERSION"}


OF_ANOTHER_VERSION = {"GREENSCALE_BATCH": "4", "WORKER_SETTINGS": '{"maxLosses": 2, "batchSeconds": [1]}'}


def test_what_a_newer_operator_sets_in_a_pod_is_passed_over() -> None:
    settings = read_settings({**OF_ANOTHER_VERSION, "KUBERNETES_SERVICE_HOST": "10.96.0.1"}, process_id=1)

    assert settings.unknown == ("GREENSCALE_BATCH", "WORKER_SETTINGS.batchSeconds")
    assert settings.max_losses == 2


def test_what_a_person_misspells_is_refused() -> None:
    assert refusal(OF_ANOTHER_VERSION) == (
        "GREENSCALE_BATCH is not a setting of the worker; WORKER_SETTINGS.batchSeconds is not a setting of the worker"
    )


def test_a_wrong_value_is_refused_in_a_pod_as_well() -> None:
    fault = refusal({"GREENSCALE_CONCURRENCY": "many", "KUBERNETES_SERVICE_HOST": "10.96.0.1"})

    assert fault.startswith("GREENSCALE_CONCURRENCY=many: ")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        pytest.param("{", "WORKER_SETTINGS is", id="half"),
        pytest.param("[1]", "WORKER_SETTINGS is", id="a list"),
        pytest.param("5", "WORKER_SETTINGS is", id="a number"),
        pytest.param('{"giveUpAfterSeconds": 59}', "WORKER_SETTINGS.giveUpAfterSeconds: ", id="too soon"),
        pytest.param('{"giveUpAfterSeconds": 1e999}', "WORKER_SETTINGS", id="without end"),
        pytest.param('{"maxLosses": 0}', "WORKER_SETTINGS.maxLosses: ", id="no loss"),
        pytest.param('{"maxLosses": "5"}', "WORKER_SETTINGS.maxLosses: ", id="a text"),
        pytest.param('{"readAgainAtRestart": "REDIS_CA"}', "WORKER_SETTINGS.readAgainAtRestart: ", id="one for many"),
        pytest.param('{"maxLosses": true}', "WORKER_SETTINGS.maxLosses: ", id="a truth"),
        pytest.param('{"maxAnswerBytes": 67108865}', "WORKER_SETTINGS.maxAnswerBytes: ", id="too large"),
    ],
)
def test_wrong_shared_settings_are_refused_by_their_name(given: str, name: str) -> None:
    assert refusal({"WORKER_SETTINGS": given}).startswith(name)


def test_a_shared_setting_that_is_null_keeps_its_default() -> None:
    assert read_settings({"WORKER_SETTINGS": '{"maxLosses": null}'}, process_id=1).max_losses == 5


@pytest.mark.parametrize("service", ["GREENSCALE", "GREENSCALE_WORKER", "GREENSCALE_LIVENESS", "REDIS"])
def test_the_variables_of_a_service_are_passed_over(service: str) -> None:
    """Kubernetes sets them in every pod of the namespace; `redis` and `greenscale` are likely names."""
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "6379",
        "SERVICE_PORT_HTTP": "6379",
        "PORT": "tcp://10.0.0.1:6379",
        "PORT_6379_TCP": "tcp://10.0.0.1:6379",
        "PORT_6379_TCP_PROTO": "tcp",
        "PORT_6379_TCP_PORT": "6379",
        "PORT_6379_TCP_ADDR": "10.0.0.1",
    }
    settings = read_settings({f"{service}_{name}": value for name, value in links.items()}, process_id=1)

    assert (settings.redis, settings.liveness_port) == (RedisAddress(), 0)


def test_certificates_that_can_be_read_are_fine(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "ca")
    environment = {"SSL_CERT_FILE": str(authority.folder / "ca.crt"), "SSL_CERT_DIR": str(tmp_path)}

    assert read_settings(environment, process_id=1).runner == OpenAISettings()
