"""Who may see the page, as tables."""

from pathlib import Path

import pytest

from greenscale_dashboard.guard import MAX_ATTEMPTS, Attempts, Guard, Role, TooManyAttempts, on_loopback


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        pytest.param("127.0.0.1", True, id="loopback"),
        pytest.param("127.8.8.8", True, id="all of 127/8"),
        pytest.param("::1", True, id="loopback of IPv6"),
        pytest.param("localhost", True, id="by name"),
        pytest.param(None, False, id="Streamlit's default: every address"),
        pytest.param("", False, id="empty"),
        pytest.param("0.0.0.0", False, id="every address"),
        pytest.param("::", False, id="every address of IPv6"),
        pytest.param("192.168.1.7", False, id="the café's network"),
        pytest.param("localhost.example.org", False, id="a name that only begins so"),
    ],
)
def test_which_addresses_only_this_machine_reaches(address: str | None, alone: bool) -> None:  # noqa: FBT001
    assert on_loopback(address) is alone


BOTH = Guard(password="pässword", readonly_password="look")


@pytest.mark.parametrize(
    ("guard", "given", "expected"),
    [
        pytest.param(BOTH, "pässword", Role.USER, id="the password"),
        pytest.param(BOTH, "look", Role.READER, id="the read-only password"),
        pytest.param(BOTH, "passwor", None, id="almost"),
        pytest.param(BOTH, "", None, id="nothing"),
        pytest.param(BOTH, "\udc80", None, id="half a character"),
        pytest.param(Guard(password="p"), "", None, id="nothing, where no read-only password is set"),
        pytest.param(Guard(readonly_password="look"), "look", Role.READER, id="only readers"),
        pytest.param(Guard(readonly_password="look"), "", None, id="nothing, where no password is set"),
    ],
)
def test_what_a_password_opens(guard: Guard, given: str, expected: Role | None) -> None:
    assert guard.of_password(given) is expected


@pytest.mark.parametrize(
    ("users", "readers", "email", "expected"),
    [
        pytest.param("", "", "eve@example.org", None, id="nobody is listed"),
        pytest.param("", "eve@example.org", "eve@example.org", Role.READER, id="a reader"),
        pytest.param("", "eve@example.org", "bob@example.org", None, id="only readers are listed"),
        pytest.param("bob@example.org", "", "Bob@Example.org", Role.USER, id="a user, in capitals"),
        pytest.param("bob@example.org", "*", "eve@example.org", Role.READER, id="everybody else reads"),
        pytest.param("*@example.org", "", "eve@example.org.evil", None, id="a domain that only begins so"),
        pytest.param("bob@example.org", "", "", None, id="an account without an address"),
    ],
)
def test_what_an_account_may_do(users: str, readers: str, email: str, expected: Role | None) -> None:
    environment = {"GREENSCALE_PAGE_USERS": users, "GREENSCALE_PAGE_READERS": readers}

    assert Guard.from_environment(environment).of_account(email) is expected


def test_passwords_are_read_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a long secret\n")
    environment = {"GREENSCALE_PAGE_PASSWORD_FILE": str(tmp_path / "p")}
    guard = Guard.from_environment(environment)

    assert (guard.of_password("a long secret"), guard.asks) == (Role.USER, True)
    assert "secret" not in repr(guard)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param(
            {"PASSWORD_FILE": "/no/such"}, "GREENSCALE_PAGE_PASSWORD_FILE cannot be read: /no/such", id="none"
        ),
        pytest.param({"PASSWORD_FILE": "/dev/null"}, "GREENSCALE_PAGE_PASSWORD_FILE is empty", id="empty"),
        pytest.param({"PASSWORD": "p" * 12, "READONLY_PASSWORD": "p" * 12}, "must differ", id="one for both"),
        pytest.param({"PASSWORD": "p" * 11}, "GREENSCALE_PAGE_PASSWORD has 11 characters; at least 12", id="short"),
        pytest.param({"READONLY_PASSWORD": "p"}, "READONLY_PASSWORD has 1 characters; at least 12", id="one letter"),
    ],
)
def test_a_wrong_setting_lets_nobody_in(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Guard.from_environment({f"GREENSCALE_PAGE_{name}": value for name, value in environment.items()})


def test_after_many_wrong_passwords_none_is_checked_for_a_while() -> None:
    attempts = Attempts()
    for second in range(MAX_ATTEMPTS):
        assert attempts.check(lambda: None, now=second) is None
    with pytest.raises(TooManyAttempts, match=r"^Too many wrong passwords\. Try again in 50 s\.$"):
        attempts.check(lambda: Role.USER, now=10)

    assert attempts.check(lambda: Role.USER, now=60) is Role.USER
