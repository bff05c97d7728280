"""Where Redis is, by the environment and by a URL."""

from pathlib import Path

import pytest

from greenscale_jobs import RedisAddress

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"REDIS_URL": "redis://r:7000/2"}, RedisAddress("r", 7000, 2), id="REDIS_URL alone"),
        pytest.param(
            {"REDIS_URL": "rediss://u:p%40@r", "REDIS_DB": "3"},
            RedisAddress("r", 6379, 3, "u", "p@", tls=True),
            id="a variable adds what it leaves out",
        ),
        pytest.param(
            {"REDIS_URL": "redis://r", "REDIS_PASSWORD": "p", "REDIS_USERNAME": "u", "REDIS_TLS": "true"},
            RedisAddress("r", username="u", password="p", tls=True),
            id="the way in is beneath it",
        ),
        pytest.param(
            {"REDIS_URL": "redis://r:1", "REDIS_HOST": "r", "REDIS_PORT": "1"}, RedisAddress("r", 1), id="both agree"
        ),
        pytest.param({"REDIS_URL": "", "REDIS_HOST": "r"}, RedisAddress("r"), id="an empty one is not set"),
        pytest.param({"REDIS_PORT": "tcp://10.0.0.1:6379"}, RedisAddress(), id="a service link"),
        pytest.param(
            {"REDIS_PORT": "udp://10.0.0.1:53", "REDIS_HOST": "r"}, RedisAddress("r"), id="a link beside a host"
        ),
        pytest.param(
            {"REDIS_PASSWORD": "p\r\n", "REDIS_HOST": "\ufeffr\n", "REDIS_PORT": " 7 "},
            RedisAddress("r", 7, password="p"),
            id="edges of a Secret",
        ),
        pytest.param({"REDIS_HOST": "[::1]"}, RedisAddress("::1"), id="IPv6 in brackets"),
    ],
)
def test_the_environment_says_where_redis_is(environment: dict[str, str], expected: RedisAddress) -> None:
    read = RedisAddress.from_environment(environment)

    assert (read, read.password, read.username, read.tls) == (
        expected,
        expected.password,
        expected.username,
        expected.tls,
    )


@pytest.mark.parametrize(
    ("url", "other", "value"),
    [
        pytest.param("redis://r", "REDIS_HOST", "localhost", id="host"),
        pytest.param("redis://r:1", "REDIS_PORT", "6379", id="port"),
        pytest.param("redis://r/1", "REDIS_DB", "2", id="database"),
        pytest.param("redis://:hunter2@r", "REDIS_PASSWORD", "hunter3", id="password"),
        pytest.param("redis://a:p@r", "REDIS_USERNAME", "b", id="user"),
        pytest.param("rediss://r", "REDIS_TLS", "false", id="TLS"),
    ],
)
def test_a_url_and_a_variable_that_disagree_are_both_named(url: str, other: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"REDIS_URL and {other} disagree") as caught:
        RedisAddress.from_environment({"REDIS_URL": url, other: value})

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({"REDIS_URL": "r:6379"}, "REDIS_URL must be redis://", id="no URL"),
        pytest.param({"REDIS_URL": "redis://:hunt#er@r"}, "REDIS_URL must be redis://", id="a # in the password"),
        pytest.param({"REDIS_URL": "redis://:12?hunter@r"}, "REDIS_URL must be redis://", id="a ? in the password"),
        pytest.param({"REDIS_URL": "redis://:12/hunter@r"}, "REDIS_URL must be redis://", id="a / in the password"),
        pytest.param({"REDIS_URL": "redis://r/x"}, "REDIS_URL ends with the database", id="a database in letters"),
        pytest.param({"REDIS_URL": "redis://r/1?db=2"}, "REDIS_URL names two databases", id="two databases"),
        pytest.param({"REDIS_HOST": "redis://r"}, "a URL belongs in REDIS_URL", id="a URL as host"),
        pytest.param({"REDIS_HOST": "u:hunter@r"}, "a URL belongs in REDIS_URL", id="a password in the host"),
        pytest.param({"REDIS_HOST": "r:6379"}, "its port belongs in REDIS_PORT", id="a port in the host"),
        pytest.param({"REDIS_HOST": "r r"}, "REDIS_HOST must be a host's name", id="a blank in the host"),
        pytest.param({"REDIS_PORT": "http://r"}, "REDIS_PORT must be a whole number", id="a port that is no link"),
    ],
)
def test_a_wrong_variable_is_named_and_no_password_is_quoted(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        RedisAddress.from_environment(environment)

    assert "hunt" not in str(caught.value)


@pytest.mark.parametrize("name", ["ssl_cert_reqs", "socket_timeout", "protocol", "SSL_CA_CERTS"])
def test_an_unknown_parameter_of_a_url_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"unknown parameter {name}: known are db and ssl_ca_certs"):
        RedisAddress.from_url(f"rediss://r?{name}=none")


def test_the_certificate_of_a_url_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)

    assert RedisAddress.from_url(f"rediss://r/1?ssl_ca_certs={tmp_path}/ca.pem").ca == PEM


@pytest.mark.parametrize(
    ("scheme", "content", "said"),
    [
        pytest.param("rediss", None, "cannot be read: .*No such file", id="no file"),
        pytest.param("rediss", b"hello", "has no certificate in PEM", id="no certificate"),
        pytest.param("rediss", b"\xff\xfe", "cannot be read: .*it is not a text file", id="no text"),
        pytest.param("redis", PEM.encode(), "ssl_ca_certs, which is for TLS: write rediss://", id="without TLS"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_refused(
    tmp_path: Path, scheme: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        RedisAddress.from_url(f"{scheme}://r?ssl_ca_certs={tmp_path}/ca.pem")


def test_the_environment_is_beneath_a_url_only_in_how_one_gets_in() -> None:
    """Another server's port or database must not be mixed with the host that is given."""
    environment = {
        "REDIS_URL": "redis://other:1/1",
        "REDIS_HOST": "b",
        "REDIS_PORT": "2",
        "REDIS_DB": "3",
        "REDIS_USERNAME": "u",
        "REDIS_PASSWORD": "p",
        "REDIS_TLS": "1",
        "REDIS_CA": PEM,
    }
    read = RedisAddress.from_url("redis://a", environment)

    assert (read.host, read.port, read.database) == ("a", 6379, 0)
    assert (read.username, read.password, read.tls, read.ca) == ("u", "p", True, PEM.strip())
    assert RedisAddress.from_url("redis://x:y@a", environment).password == "y"


def test_an_address_as_variables_is_read_as_the_same() -> None:
    address = RedisAddress("r", 7, 2, "u", "p", tls=True, ca="c")

    assert RedisAddress.from_environment(address.variables()) == address
    assert RedisAddress("r", 7).variables()["REDIS_PASSWORD"] == "", "a .env of the folder must not add one"
