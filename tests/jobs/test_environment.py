"""The environment, and beneath it a `.env` file."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from greenscale_jobs.connection.environment import InvalidEnvFile, over, read_env_file, with_file


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        pytest.param(b"A=1\nREDIS_HOST localhost\n", 2, "must be NAME=value", id="no equals sign"),
        pytest.param(b"A=1\n\n# c\n\nREDIS_HOST: r\n", 5, "must be NAME=value", id="YAML behind blank lines"),
        pytest.param(b"A='1\nB=2\n", 1, "with quotes around", id="an open quote"),
        pytest.param(b"REDIS_CA=-----BEGIN\nMIIBa\n-----END-----\n", 2, "with quotes around", id="a certificate"),
        pytest.param(b"REDIS_CA=-----BEGIN\nMII+/a==\n", 2, "with quotes around", id="a certificate with padding"),
        pytest.param(b"A=1\nB=\xff\n", 2, "'utf-8' codec", id="Latin-1"),
        pytest.param("A=1\nB=2\n".encode("utf-16"), 1, "UTF-16", id="UTF-16"),
        pytest.param("A=1\nB=2\n".encode("utf-16-le"), 1, "UTF-16", id="UTF-16 without its mark"),
        pytest.param(b"A=1\nB=\x00\n", 2, "binary", id="a NUL byte"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_an_error_with_its_line(
    tmp_path: Path, content: bytes, line: int, said: str
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(InvalidEnvFile, match=said) as caught:
        read_env_file(file)

    assert str(file) in str(caught.value)
    assert f"line {line}" in str(caught.value)
    assert "localhost" not in str(caught.value)


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidEnvFile, match="Is a directory"):
        read_env_file(tmp_path)


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / "none") == {}


def test_what_editors_write_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        "\ufeffREDIS_HOST=r\r\nexport A = 'x y' # why\r\n\r\nCERTIFICATE=\"1\n2\"\r\nREDIS_TLS\r\nE=\r\n".encode()
    )

    assert read_env_file(tmp_path / ".env") == {
        "REDIS_HOST": "r",
        "A": "x y",
        "CERTIFICATE": "1\n2",
        "REDIS_TLS": "",
        "E": "",
    }


@pytest.mark.parametrize(
    ("environment", "file", "expected"),
    [
        pytest.param({"A": "1"}, {"A": "2", "B": "2"}, {"A": "1", "B": "2"}, id="name by name"),
        pytest.param(
            {"REDIS_URL": "redis://:p@r"},
            {"REDIS_HOST": "x", "REDIS_PORT": "1", "REDIS_DB": "2", "REDIS_PASSWORD": "q", "REDIS_CA": "c"},
            {"REDIS_URL": "redis://:p@r", "REDIS_CA": "c"},
            id="a URL in the environment",
        ),
        pytest.param(
            {"REDIS_HOST": "r"},
            {"REDIS_URL": "redis://x", "A": ""},
            {"REDIS_HOST": "r", "A": ""},
            id="a URL in the file",
        ),
        pytest.param(
            {"REDIS_URL": "nonsense"},
            {"REDIS_PASSWORD": "q"},
            {"REDIS_URL": "nonsense", "REDIS_PASSWORD": "q"},
            id="no URL",
        ),
    ],
)
def test_the_environment_goes_before_the_file(
    environment: Mapping[str, str], file: Mapping[str, str], expected: dict[str, str]
) -> None:
    assert over(environment, file) == expected


def test_both_are_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\n")

    assert with_file({"A": "environment"}, tmp_path / ".env") == {"A": "environment", "B": "file"}
