"""A worker's environment: read once, every fault told in one line."""

import pytest

from greenscale_jobs import RedisAddress
from greenscale_worker.settings import InvalidSettings, Settings, read_settings


def test_nothing_is_required() -> None:
    settings = read_settings({}, process_id=7)

    assert (settings.queue, settings.engine, settings.concurrency) == ("jobs", "OpenAI", 8)
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
        "GREENSCALE_ENGINE": "Echo",
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
        api_key="k",
        base_url="http://here/v1",
        queue="q",
        engine="Echo",
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


def test_all_faults_are_told_at_once() -> None:
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

    assert "sk-1" not in repr(settings)
    assert "pw-1" not in repr(settings)
