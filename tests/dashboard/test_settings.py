"""Where the page looks for Redis."""

from pathlib import Path

import pytest

from greenscale_dashboard.settings import read_guard, read_settings
from greenscale_jobs import RedisAddress

VARIABLES = ["URL", "HOST", "PORT", "DB", "USERNAME", "PASSWORD", "TLS", "CA"]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working directory, with nothing in the environment of whoever runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(f"REDIS_{name}", raising=False)
    monkeypatch.delenv("GREENSCALE_QUEUE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_set_means_redis_beside_us_and_the_sample_list() -> None:
    assert read_settings() == (RedisAddress("localhost", 6379), "jobs")


def test_dotenv_is_read_from_the_working_directory(folder: Path) -> None:
    variables = "REDIS_HOST=r\nREDIS_PORT=7000\nREDIS_DB=2\nREDIS_PASSWORD=p\nREDIS_TLS\nGREENSCALE_QUEUE=mine\n"
    (folder / ".env").write_text(variables)

    assert read_settings() == (RedisAddress("r", 7000, 2, password="p"), "mine")


def test_redis_url_alone_is_enough(folder: Path) -> None:
    (folder / ".env").write_text("REDIS_URL=rediss://u:p@r:7000/2\n")

    assert read_settings() == (RedisAddress("r", 7000, 2, "u", "p", tls=True), "jobs")


def test_a_service_of_kubernetes_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service called redis, or greenscale-page, gives every pod of its namespace such variables."""
    for name in ("REDIS_PORT", "GREENSCALE_PAGE_PORT", "GREENSCALE_PAGE_PORT_8501_TCP"):
        monkeypatch.setenv(name, "tcp://10.0.0.1:8501")

    assert read_settings() == (RedisAddress("localhost", 6379), "jobs")
    assert not read_guard().asks


@pytest.mark.parametrize("content", [b"REDIS_HOST r\n", b"A=\xff\n"], ids=["no equals sign", "Latin-1"])
def test_a_dotenv_that_cannot_be_read_whole_is_an_error(folder: Path, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    with pytest.raises(ValueError, match=r"the file \.env cannot be read: .*line 1"):
        read_settings()


def test_the_environment_comes_before_dotenv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("REDIS_HOST=r\nREDIS_PORT=7000\nGREENSCALE_QUEUE=mine\n")
    monkeypatch.setenv("REDIS_PORT", "7001")
    monkeypatch.setenv("GREENSCALE_QUEUE", "ours")

    assert read_settings() == (RedisAddress("r", 7001), "ours")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("REDIS_PORT", "many", "REDIS_PORT must be a whole number from 1 to 65535, not 'many'", id="port"),
        pytest.param("REDIS_TLS", "maybe", "REDIS_TLS must be true or false, not 'maybe'", id="TLS"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_settings()
