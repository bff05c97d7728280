"""What the page of `greenscale local` is started with."""

from greenscale_cli.local.page import page_environment
from greenscale_jobs import RedisAddress


def test_the_page_gets_no_key_of_a_model() -> None:
    given = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://engine", "PATH": "/bin", "REDIS_HOST": "elsewhere"}
    environment = page_environment(given, RedisAddress("127.0.0.1", 6380))

    assert "sk-1" not in environment.values()
    assert {"OPENAI_API_KEY", "OPENAI_BASE_URL"}.isdisjoint(environment)
    assert (environment["PATH"], environment["REDIS_HOST"], environment["REDIS_PORT"]) == ("/bin", "127.0.0.1", "6380")
