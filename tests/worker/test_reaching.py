"""Why an engine cannot be reached, in words that name the remedy; and the proxy that is never used for this machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenscale_testing.engine_calls import KEY, ask_once, kind_of
from greenscale_testing.ports import free_port
from greenscale_testing.raw_server import DONE, Reply, deaf, delta, message, raw, stream
from greenscale_testing.tls import Authority
from greenscale_worker.environment import Proxy
from greenscale_worker.errors import EngineError

GOOD = stream(delta("hi"), delta(finish_reason="stop"), DONE)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "ca")


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "ca.crt"))
    return authority


async def test_nobody_listens() -> None:
    outcome = await ask_once(f"http://127.0.0.1:{free_port()}/v1")

    assert kind_of(outcome) == ("EngineInTrouble", "ConnectionRefused")
    assert "engine.openAI.baseURL (OPENAI_BASE_URL)" in str(outcome)


async def test_a_host_without_an_address() -> None:
    assert kind_of(await ask_once("http://no.such.host.invalid/v1")) == ("EngineInTrouble", "UnknownHost")


async def test_a_certificate_of_ours_is_trusted(trusted: Authority) -> None:
    async with raw(GOOD, tls=trusted.vouch()) as (_, url):
        assert kind_of(await ask_once(url)) == ("Answer", "hi")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param({"days": -1}, "CertificateExpired", id="expired"),
        pytest.param({"ip": "127.0.0.2"}, "CertificateMismatch", id="of another host"),
    ],
)
async def test_a_certificate_that_does_not_fit(trusted: Authority, how: dict[str, int | str], reason: str) -> None:
    async with raw(GOOD, tls=trusted.vouch(**how)) as (_, url):  # type: ignore[arg-type]
        assert kind_of(await ask_once(url)) == ("EngineInTrouble", reason)


async def test_a_certificate_that_nobody_known_vouches_for(authority: Authority) -> None:
    async with raw(GOOD, tls=authority.vouch()) as (_, url):
        outcome = await ask_once(url)

    assert kind_of(outcome) == ("EngineInTrouble", "CertificateUnknown")
    assert "SSL_CERT_FILE" in str(outcome)


async def test_https_to_a_port_of_plain_http() -> None:
    async with deaf(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        outcome = await ask_once(url.replace("http:", "https:"))

    assert kind_of(outcome) == ("EngineMisconfigured", "WrongAddress")
    assert "with http://" in str(outcome)


async def test_plain_http_to_a_port_of_tls(authority: Authority) -> None:
    """What it does differs: an alert, a closed connection, or a page that says so."""
    async with raw(GOOD, tls=authority.vouch()) as (_, url):
        outcome = await ask_once(url.replace("https:", "http:"))

    assert kind_of(outcome) in {("EngineMisconfigured", "WrongAddress"), ("EngineLost", "EngineLost")}


async def test_a_server_that_cannot_agree_on_tls() -> None:
    async with deaf(b"\x15\x03\x03\x00\x02\x02\x28") as url:  # the alert "handshake failure"
        assert kind_of(await ask_once(url.replace("http:", "https:"))) == ("EngineInTrouble", "TLSFailed")


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[list[bytes], Proxy]]:
    """Gives what a proxy was asked for, and the proxy; it answers everything itself."""
    heads: list[bytes] = []
    async with raw(GOOD) as (server, url):
        server.heads = heads
        yield heads, Proxy("HTTP_PROXY", url.replace("/v1", "").replace("//", "//user:pass@"))


async def test_a_proxy_is_asked_with_its_password(proxy: tuple[list[bytes], Proxy]) -> None:
    heads, settings = proxy
    outcome = await ask_once("http://engine.invalid/v1", proxy=settings)

    assert kind_of(outcome) == ("Answer", "hi")
    assert heads[0].startswith(b"POST http://engine.invalid/v1/chat/completions ")
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n" in heads[0]


async def test_no_proxy_is_used_for_this_machine(
    proxy: tuple[list[bytes], Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, proxy[1].url)
    async with raw(GOOD) as (server, url):
        outcome = await ask_once(url)

    assert kind_of(outcome) == ("Answer", "hi")
    assert (len(server.requests), proxy[0]) == (1, [])


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(message(502, "<html>"), ("AttemptFailed", "ServerError"), id="it finds no engine"),
        pytest.param(message(407, ""), ("EngineMisconfigured", "Unauthorized"), id="it wants a password"),
        pytest.param(Reply((), "close"), ("EngineLost", "EngineLost"), id="it hangs up"),
    ],
)
async def test_an_error_names_the_proxy(reply: Reply | bytes, kind: tuple[str, str]) -> None:
    async with raw(reply) as (_, url):
        outcome = await ask_once("http://engine.invalid/v1", proxy=Proxy("HTTP_PROXY", url.removesuffix("/v1")))

    assert kind_of(outcome) == kind
    assert "HTTP_PROXY" in str(outcome)


async def test_a_proxy_that_is_away_is_named() -> None:
    settings = Proxy("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    outcome = await ask_once("https://engine.invalid/v1", proxy=settings)

    assert kind_of(outcome) == ("EngineInTrouble", "ProxyFailed")
    assert "HTTPS_PROXY" in str(outcome)


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_does_not_let_us_through_is_named(status: int) -> None:
    async with raw(message(status, "no")) as (_, url):
        settings = Proxy("HTTPS_PROXY", url.removesuffix("/v1"))
        outcome = await ask_once("https://engine.invalid/v1", proxy=settings)

    assert kind_of(outcome) == ("EngineInTrouble", "ProxyFailed")


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    async with raw(Reply((), "hang")) as (_, url):
        assert kind_of(await ask_once(url, answer_seconds=0.5)) == ("AttemptFailed", "Timeout")


async def test_the_key_and_nothing_else_of_ours_is_sent() -> None:
    async with raw(GOOD) as (server, url):
        await ask_once(url)

    assert f"authorization: bearer {KEY}" in server.heads[0].decode().lower()
    assert b"accept-encoding: identity" in server.heads[0].lower()


async def test_many_at_once_have_a_connection_each() -> None:
    async with raw(GOOD) as (_, url):
        outcomes = await asyncio.gather(*(ask_once(url) for _ in range(8)))

    assert not any(isinstance(outcome, EngineError) for outcome in outcomes)


async def test_an_address_that_cannot_be_one() -> None:
    assert kind_of(await ask_once("http://a..b/v1")) == ("EngineMisconfigured", "WrongAddress")


async def test_a_port_that_closes_every_connection_at_once() -> None:
    async with deaf(b"") as url:
        assert kind_of(await ask_once(url.replace("http:", "https:"))) == ("EngineInTrouble", "Unreachable")
