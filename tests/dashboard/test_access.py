"""Who is let in: the page's script, and the servers as they are started."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from greenscale_cli.local.ports import free_port
from greenscale_dashboard.guard import MAX_ATTEMPTS
from greenscale_jobs import JobClient, RedisAddress

Draw = Callable[..., AppTest]

ROOT = Path(__file__).parents[2]

SECRET = "a long secret"


@pytest.fixture
def to_everyone(open_page: Draw) -> Draw:
    """Draw a page whose server listens on every address."""
    config.set_option("server.address", None)
    return open_page


def sign_in(page: AppTest, password: str) -> AppTest:
    page.text_input[0].input(password)
    return page.button[0].click().run()


def refusals(page: AppTest) -> list[str]:
    assert not page.exception
    return [error.value for error in page.error]


def test_without_a_password_nothing_is_shown_to_other_machines(to_everyone: Draw, address: RedisAddress) -> None:
    page = to_everyone(address, "prompt")
    (refusal,) = refusals(page)

    assert refusal.startswith("**Other machines can reach this page and no login is set up")
    assert "GREENSCALE_PAGE_PASSWORD" in refusal
    assert (len(page.text_area), len(page.button), len(page.metric)) == (0, 0, 0)


@pytest.mark.parametrize("query", [{}, {"job": "j"}], ids=["a page", "a job's address"])
def test_a_password_is_asked_for_before_anything_is_shown(
    to_everyone: Draw, address: RedisAddress, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_PASSWORD", SECRET)
    page = to_everyone(address, "prompt", **query)

    assert [field.label for field in page.text_input] == ["Password"]
    assert (len(page.text_area), len(page.chat_message), len(page.warning)) == (0, 0, 0)


def test_the_password_opens_the_page_until_one_signs_out(
    to_everyone: Draw, address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_PASSWORD", SECRET)
    page = sign_in(to_everyone(address, "prompt"), "wrong")
    before = refusals(page)
    sign_in(page, SECRET)
    inside = len(page.text_area), page.session_state["password"]
    next(button for button in page.button if button.label == "Sign out").click().run()

    assert before == ["Wrong password."]
    assert inside == (2, "")
    assert [field.label for field in page.text_input] == ["Password"]


def test_passwords_cannot_be_guessed_by_trying_many_pages(
    to_everyone: Draw, address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_PASSWORD", SECRET)
    for _ in range(MAX_ATTEMPTS):
        sign_in(to_everyone(address), "wrong")
    page = sign_in(to_everyone(address), SECRET)

    assert refusals(page)[0].startswith("Too many wrong passwords. Try again in ")
    assert len(page.text_input) == 1


def test_a_reader_sees_everything_and_changes_nothing(
    to_everyone: Draw, address: RedisAddress, client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_READONLY_PASSWORD", SECRET)
    page = sign_in(to_everyone(address, "prompt", job=client.submit("hello")), SECRET)

    assert [message.text[0].value for message in page.chat_message if message.name == "user"] == ["hello"]
    assert len(page.text_area) == 0
    assert {button.label for button in page.button} == {"Sign out"}


def test_a_wrong_setting_of_the_password_lets_nobody_in(
    to_everyone: Draw, address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENSCALE_PAGE_PASSWORD_FILE", "/no/such")
    page = to_everyone(address, "prompt")

    assert "cannot be read" in refusals(page)[0]
    assert (len(page.text_area), len(page.text_input)) == (0, 0)


LOGIN = """[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "not a secret in a test"
client_id = "page"
client_secret = "not one either"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""


@pytest.mark.parametrize(
    ("user", "fields", "buttons"),
    [
        pytest.param({"is_logged_in": False}, 0, ["Sign in with your account"], id="nobody yet"),
        pytest.param({"email": "bob@example.org", "email_verified": True}, 2, ["Send", "Sign out"], id="a user"),
        pytest.param({"email": "eve@example.org", "email_verified": True}, 0, ["Sign out"], id="a reader"),
        pytest.param({"email": "mallory@example.org", "email_verified": True}, 0, ["Sign out"], id="a stranger"),
        pytest.param({"email": "bob@example.org", "email_verified": False}, 0, ["Sign out"], id="not verified"),
        pytest.param({"email": "bob@example.org"}, 0, ["Sign out"], id="nothing said of it"),
        pytest.param({"email": "bob@example.org", "email_verified": "false"}, 0, ["Sign out"], id="a text"),
        pytest.param({"email": "bob@example.org", "email_verified": "true"}, 0, ["Sign out"], id="another text"),
    ],
)
def test_streamlits_own_login_says_who_one_is(
    to_everyone: Draw,
    address: RedisAddress,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    user: dict[str, object],
    fields: int,
    buttons: list[str],
) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(LOGIN)
    monkeypatch.setenv("GREENSCALE_PAGE_USERS", "bob@example.org")
    monkeypatch.setenv("GREENSCALE_PAGE_READERS", "eve@example.org")
    page = to_everyone(address, "prompt", user={"is_logged_in": True, **user})

    assert len(page.text_area) == fields
    assert {button.label for button in page.button} >= set(buttons)
    assert ("Send" in {button.label for button in page.button}) == bool(fields)


def listening(process: "subprocess.Popen[bytes]", port: int) -> set[str]:
    """Wait until something listens on the port, and return on which addresses."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = {
            socket.laddr.ip
            for socket in psutil.Process(process.pid).net_connections("tcp")
            if socket.status == psutil.CONN_LISTEN and socket.laddr.port == port
        }
        if found:
            return found
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("nothing listens")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, {"127.0.0.1"}, id="no login"),
        pytest.param({"GREENSCALE_PAGE_PASSWORD": SECRET}, {"0.0.0.0"}, id="a password"),
    ],
)
def test_an_image_listens_on_loopback_unless_somebody_must_log_in(
    environment: dict[str, str], expected: set[str], tmp_path: Path
) -> None:
    port = free_port(8601)
    command = [sys.executable, "-m", "greenscale_dashboard", str(ROOT / "dashboard/app.py"), f"--server.port={port}"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, env={"PATH": "", **environment}, stdout=log, stderr=log) as process,
    ):
        addresses = listening(process, port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
            assert reply.read() == b"ok"
        process.terminate()

    assert addresses == expected
    assert ("listens on loopback only" in (tmp_path / "log").read_text()) == (not environment)
